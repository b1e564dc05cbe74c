//! Streams of a codec: what was packed comes back, however it is read, up to where it is cut, and
//! what is no stream does no harm.

use std::io::{ErrorKind, Read};

use stagelight_eventlog::{Codec, open};

use super::choices::Choices;
use super::framing::{Packed, pack};
use super::reading::{Dripping, drain};

/// Of what few bytes unpack to, so much is looked at.
const PLAIN_BYTES: u64 = 256 << 10;

/// Reads the bytes behind the choices as a stream of `codec`, or packs them first.
pub fn check(codec: Codec, input: &[u8]) {
    let Some((Choices { way, number, steps, sizes }, bytes)) = Choices::split(input) else {
        return;
    };
    match way % 4 {
        0 => reads_alike(codec, bytes, &steps, &sizes),
        1 => reads_alike(codec, &[magic(codec), bytes].concat(), &steps, &sizes),
        2 => comes_back(&packed(codec, bytes, &sizes), &steps, &sizes),
        _ => {
            let packed = packed(codec, bytes, &sizes);
            keeps_what_is_before(&packed, number % (packed.bytes.len() + 1), &sizes);
        }
    }
}

/// How every stream of `codec` begins.
fn magic(codec: Codec) -> &'static [u8] {
    match codec {
        Codec::None => b"",
        Codec::Zstd => b"\x28\xb5\x2f\xfd",
        Codec::Lz4 => b"LZ4Block",
        Codec::Snappy => b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01",
        Codec::Lzf => b"ZV",
        Codec::Gzip => b"\x1f\x8b\x08",
    }
}

/// Packs `bytes` in blocks of these sizes, three to a stream.
pub fn packed(codec: Codec, mut bytes: &[u8], sizes: &[usize]) -> Packed {
    let mut sizes = sizes.iter().cycle();
    let mut blocks = Vec::new();
    while !bytes.is_empty() {
        let size = bytes.len().min(*sizes.next().expect("there are sizes"));
        let (block, rest) = bytes.split_at(size);
        blocks.push(block.to_vec());
        bytes = rest;
    }
    let streams: Vec<_> = blocks.chunks(3).map(<[_]>::to_vec).collect();
    pack(codec, &streams)
}

/// Reading gives the same bytes and the same end however it is split, and stays at that end, which
/// is damage or a cut if it is an error.
///
/// Neither a length that is a lie nor anything else takes memory without bound: the fuzzer sees to
/// that, which limits what may be allocated.
pub fn reads_alike(named: Codec, bytes: &[u8], steps: &[usize], sizes: &[usize]) {
    let mut at_once = open(named, bytes).expect("a slice can be read");
    let mut split = open(named, Dripping::new(bytes, steps)).expect("nothing fails");
    assert_eq!(at_once.codec(), split.codec());
    let (out, end) = drain(at_once.by_ref().take(PLAIN_BYTES), &[128 << 10]);
    let (split_out, split_end) = drain(split.by_ref().take(PLAIN_BYTES), sizes);
    let kinds = [&end, &split_end].map(|end| end.as_ref().err().map(|(kind, _)| *kind));
    let expected = [None, Some(ErrorKind::InvalidData), Some(ErrorKind::UnexpectedEof)];
    assert!(kinds.iter().all(|kind| expected.contains(kind)), "{kinds:?}");
    let is_damaged = kinds.contains(&Some(ErrorKind::InvalidData));
    if is_damaged && matches!(at_once.codec(), Codec::Zstd | Codec::Gzip) {
        // A read in which their libraries find damage gives nothing of what stood before it, and
        // that of zstd looks closer at a frame that it is given whole.
        assert!(out.starts_with(&split_out) || split_out.starts_with(&out));
    } else {
        assert!(out == split_out, "{} bytes differ from {}", out.len(), split_out.len());
        assert_eq!(end, split_end);
    }
    if out.len() as u64 != PLAIN_BYTES {
        for _ in 0..2 {
            assert_eq!(drain(&mut at_once, &[10]), (Vec::new(), end.clone()));
        }
    }
}

/// All that was packed comes back, and no more.
pub fn comes_back(packed: &Packed, steps: &[usize], sizes: &[usize]) {
    let reader = Dripping::new(&packed.bytes, steps);
    let mut input = open(packed.codec, reader).expect("nothing fails");
    assert_eq!(input.codec(), packed.codec);
    let (out, end) = drain(&mut input, sizes);
    assert_eq!(end, Ok(()));
    assert!(out == packed.plain, "{} bytes differ from {}", out.len(), packed.plain.len());
}

/// Of a stream that is cut, every block before the cut comes back, and that it is cut is told.
pub fn keeps_what_is_before(packed: &Packed, cut: usize, sizes: &[usize]) {
    let last = packed.ends.iter().rfind(|end| end.packed <= cut).expect("the first end is 0");
    let mut input = open(packed.codec, &packed.bytes[..cut]).expect("a slice can be read");
    let (out, end) = drain(&mut input, sizes);
    assert!(packed.plain.starts_with(&out));
    assert!(out.len() >= last.plain, "{} bytes of {}", out.len(), last.plain);
    if last.packed == cut && last.is_whole {
        assert_eq!(end, Ok(()));
    } else {
        let (kind, what) = end.clone().expect_err("the cut is within a block");
        assert_eq!(kind, ErrorKind::UnexpectedEof, "{what}");
    }
    assert_eq!(drain(&mut input, &[10]), (Vec::new(), end));
}
