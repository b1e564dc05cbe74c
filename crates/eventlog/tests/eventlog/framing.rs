//! Writers of the streams that `open` reads, framed here by hand: the readers share no code with
//! them but the block encoders of the codecs' crates.

use std::collections::HashMap;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use stagelight_eventlog::Codec;
use twox_hash::XxHash32;

/// A stream, and where it may end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packed {
    pub(crate) bytes: Vec<u8>,
    /// The plain bytes.
    pub(crate) plain: Vec<u8>,
    /// Lengths of the stream and of what it unpacks to, behind each of its parts.
    pub(crate) ends: Vec<(usize, usize)>,
}

impl Packed {
    fn add(&mut self, part: &[u8], plain: &[u8]) {
        self.bytes.extend(part);
        self.plain.extend(plain);
        self.ends.push((self.bytes.len(), self.plain.len()));
    }
}

/// Packs `streams`, each a list of blocks, and joins them.
pub(crate) fn pack(codec: Codec, streams: &[Vec<Vec<u8>>]) -> Packed {
    let mut packed = Packed { ends: vec![(0, 0)], ..Packed::default() };
    for blocks in streams {
        if codec == Codec::Snappy {
            packed.add(b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01", b"");
        }
        for block in blocks.iter().filter(|block| !block.is_empty()) {
            packed.add(&one(codec, block), block);
        }
        if codec == Codec::Lz4 {
            packed.add(&lz4(b""), b"");
        }
    }
    packed
}

fn one(codec: Codec, block: &[u8]) -> Vec<u8> {
    match codec {
        Codec::None => block.to_vec(),
        Codec::Zstd => zstd::encode_all(block, 1).expect("zstd packs anything"),
        Codec::Lz4 => lz4(block),
        Codec::Snappy => snappy(block),
        Codec::Lzf => lzf(block),
        Codec::Gzip => {
            let mut member = GzEncoder::new(Vec::new(), Compression::fast());
            member.write_all(block).expect("gzip packs anything");
            member.finish().expect("gzip packs anything")
        }
    }
}

fn lz4(block: &[u8]) -> Vec<u8> {
    let packed = lz4_flex::block::compress(block);
    let (method, packed) =
        if packed.len() < block.len() { (0x20, &packed[..]) } else { (0x10, block) };
    let checksum = match block {
        b"" => 0,
        _ => XxHash32::oneshot(0x9747_b28c, block) & 0x0fff_ffff,
    };
    let mut out = b"LZ4Block".to_vec();
    out.push(method | 6); // blocks of 64 KiB
    out.extend(length(packed).to_le_bytes());
    out.extend(length(block).to_le_bytes());
    out.extend(checksum.to_le_bytes());
    out.extend(packed);
    out
}

fn snappy(block: &[u8]) -> Vec<u8> {
    let packed = snap::raw::Encoder::new().compress_vec(block).expect("snappy packs anything");
    let mut out = length(&packed).to_be_bytes().to_vec();
    out.extend(packed);
    out
}

fn lzf(block: &[u8]) -> Vec<u8> {
    let packed = lzf_block(block);
    let mut out = b"ZV".to_vec();
    if packed.len() < block.len() {
        out.push(1);
        out.extend(&length(&packed).to_be_bytes()[2..]);
        out.extend(&length(block).to_be_bytes()[2..]);
        out.extend(packed);
    } else {
        out.push(0);
        out.extend(&length(block).to_be_bytes()[2..]);
        out.extend(block);
    }
    out
}

/// LibLZF's format, greedily: the last place where the next three bytes stood is repeated from.
fn lzf_block(block: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut seen: HashMap<&[u8], usize> = HashMap::new();
    let (mut literals, mut at) = (0, 0);
    while let Some(next) = block.get(at..at + 3) {
        let before = seen.insert(next, at).filter(|before| at - before <= 1 << 13);
        let Some(before) = before else {
            at += 1;
            continue;
        };
        let same = block[at..].iter().zip(&block[before..]).take_while(|(a, b)| a == b).count();
        let (length, distance) = (same.min(264) - 2, at - before - 1);
        add_literals(&mut out, &block[literals..at]);
        let high = byte(distance >> 8);
        if length < 7 {
            out.push(byte(length << 5) | high);
        } else {
            out.extend([7 << 5 | high, byte(length - 7)]);
        }
        out.push(byte(distance & 0xff));
        at += length + 2;
        literals = at;
    }
    add_literals(&mut out, &block[literals..]);
    out
}

fn add_literals(out: &mut Vec<u8>, literals: &[u8]) {
    for run in literals.chunks(32) {
        out.push(byte(run.len() - 1));
        out.extend(run);
    }
}

fn byte(number: usize) -> u8 {
    u8::try_from(number).expect("it is a byte")
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("tests are small")
}
