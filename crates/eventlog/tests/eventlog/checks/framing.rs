//! Writers of the streams that `open` reads, framed here by hand: the readers share no code with
//! them but the block encoders of the codecs' crates.

use std::collections::HashMap;
use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use stagelight_eventlog::Codec;
use twox_hash::XxHash32;
use zstd::Encoder;

/// Streams of a codec, and where they may be cut.
#[derive(Clone, Debug)]
pub struct Packed {
    /// The codec.
    pub codec: Codec,
    /// The streams, one behind the other.
    pub bytes: Vec<u8>,
    /// What they unpack to.
    pub plain: Vec<u8>,
    /// Behind nothing, and behind each block.
    pub ends: Vec<End>,
}

/// A place in a stream before which every block is whole.
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// Bytes of the stream before it.
    pub packed: usize,
    /// Bytes that these unpack to.
    pub plain: usize,
    /// Whether the stream could end here: no frame is open.
    pub is_whole: bool,
}

impl Packed {
    fn add(&mut self, part: &[u8], plain: &[u8], is_whole: bool) {
        self.bytes.extend(part);
        self.plain.extend(plain);
        self.ends.push(End { packed: self.bytes.len(), plain: self.plain.len(), is_whole });
    }
}

/// Packs `streams`, each a list of blocks, and joins them.
pub fn pack(codec: Codec, streams: &[Vec<Vec<u8>>]) -> Packed {
    let start = End { packed: 0, plain: 0, is_whole: true };
    let mut packed = Packed { codec, bytes: Vec::new(), plain: Vec::new(), ends: vec![start] };
    for blocks in streams {
        let blocks = || blocks.iter().filter(|block| !block.is_empty());
        match codec {
            Codec::None => blocks().for_each(|block| packed.add(block, block, true)),
            Codec::Zstd => {
                let mut frame = Encoder::new(Vec::new(), 1).expect("zstd packs anything");
                // A window as large as Spark's takes most of the time.
                frame.window_log(12).expect("a window may be small");
                add_flushed(&mut packed, frame, blocks(), Encoder::get_ref, Encoder::finish);
            }
            Codec::Gzip => {
                let member = GzEncoder::new(Vec::new(), Compression::fast());
                add_flushed(&mut packed, member, blocks(), GzEncoder::get_ref, GzEncoder::finish);
            }
            Codec::Lz4 => {
                blocks().for_each(|block| packed.add(&lz4(block), block, true));
                packed.add(&lz4(b""), b"", true);
            }
            Codec::Snappy => {
                packed.add(b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01", b"", true);
                blocks().for_each(|block| packed.add(&snappy(block), block, true));
            }
            Codec::Lzf => blocks().for_each(|block| packed.add(&lzf(block), block, true)),
        }
    }
    packed
}

/// A frame that is flushed behind each block, of an encoder that writes to memory.
fn add_flushed<'a, W: Write>(
    packed: &mut Packed,
    mut frame: W,
    blocks: impl Iterator<Item = &'a Vec<u8>>,
    written: impl Fn(&W) -> &Vec<u8>,
    finish: impl FnOnce(W) -> io::Result<Vec<u8>>,
) {
    let mut before = 0;
    for block in blocks {
        frame.write_all(block).expect("memory can be written");
        frame.flush().expect("memory can be written");
        packed.add(&written(&frame)[before..], block, false);
        before = written(&frame).len();
    }
    let frame = finish(frame).expect("memory can be written");
    packed.add(&frame[before..], b"", true);
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
