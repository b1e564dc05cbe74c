//! Whatever is packed comes back, however it is read; what is cut or damaged is told.

use std::io::{self, ErrorKind, Read};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use stagelight_eventlog::{Codec, Input, open};

use crate::framing::{Packed, pack};

const CODECS: [Codec; 5] = [Codec::Zstd, Codec::Lz4, Codec::Snappy, Codec::Lzf, Codec::Gzip];

/// A reader that gives what it likes of what is asked for, and sometimes is interrupted.
struct Dripping<'a> {
    bytes: &'a [u8],
    steps: std::iter::Cycle<std::slice::Iter<'a, usize>>,
}

impl<'a> Dripping<'a> {
    fn new(bytes: &'a [u8], steps: &'a [usize]) -> Self {
        Self { bytes, steps: steps.iter().cycle() }
    }
}

impl Read for Dripping<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let step = *self.steps.next().expect("a cycle has no end");
        if step == 0 {
            return Err(ErrorKind::Interrupted.into());
        }
        let end = step.min(out.len());
        self.bytes.read(&mut out[..end])
    }
}

/// Everything that can be read with buffers of these sizes, and how that ended.
fn drain(input: &mut Input<impl Read>, sizes: &[usize]) -> (Vec<u8>, io::Result<()>) {
    let mut out = Vec::new();
    for size in sizes.iter().cycle() {
        let before = out.len();
        out.resize(before + size, 0);
        match input.read(&mut out[before..]) {
            Ok(read) => {
                out.truncate(before + read);
                if read == 0 {
                    return (out, Ok(()));
                }
            }
            Err(error) => {
                out.truncate(before);
                return (out, Err(error));
            }
        }
    }
    unreachable!("sizes are never empty")
}

fn unpack(bytes: &[u8]) -> (Vec<u8>, io::Result<()>) {
    // Named after no codec: the bytes tell.
    drain(&mut open(Codec::None, bytes).expect("a slice can be read"), &[1 << 16])
}

/// What logs are like, and what they are not.
fn block() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..600),
        ("[a-z]{1,40}", 0..200_usize).prop_map(|(line, n)| line.repeat(n).into_bytes()),
        vec("\\{\"Event\":\"[A-D]\",\"Stage ID\":[0-9]{1,3}\\}\n", 0..60)
            .prop_map(|lines| lines.concat().into_bytes()),
    ]
}

fn packed() -> impl Strategy<Value = (Codec, Packed)> {
    (select(&CODECS[..]), vec(vec(block(), 0..5), 1..4))
        .prop_map(|(codec, streams)| (codec, pack(codec, &streams)))
        // Of no bytes at all nothing can be told.
        .prop_filter("empty", |(_, packed)| !packed.bytes.is_empty())
}

fn steps(least: usize) -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        vec(least..40, 1..8).prop_filter("no step", |steps| steps.iter().any(|step| *step > 0)),
        vec(1_usize..100_000, 1..8),
    ]
}

proptest! {
    #[test]
    fn what_is_packed_comes_back(
        (codec, packed) in packed(),
        steps in steps(0),
        sizes in steps(1),
    ) {
        let reader = Dripping::new(&packed.bytes, &steps);
        let mut input = open(Codec::None, reader).expect("nothing fails");
        prop_assert_eq!(input.codec(), codec);
        let (out, end) = drain(&mut input, &sizes);
        prop_assert!(end.is_ok(), "{:?}", end);
        prop_assert!(out == packed.plain, "{} bytes differ from {}", out.len(), packed.plain.len());
    }

    #[test]
    fn a_cut_keeps_what_is_before_it((codec, packed) in packed(), cut: Index, sizes in steps(1)) {
        let cut = cut.index(packed.bytes.len());
        let &(whole, plain) =
            packed.ends.iter().rfind(|(end, _)| *end <= cut).expect("the first end is 0");
        let mut input = open(codec, &packed.bytes[..cut]).expect("a slice can be read");
        let (out, end) = drain(&mut input, &sizes);
        prop_assert!(packed.plain.starts_with(&out));
        prop_assert!(out.len() >= plain, "{} bytes of {plain}", out.len());
        if whole == cut {
            prop_assert!(end.is_ok(), "{:?}", end);
        } else {
            let error = end.expect_err("the cut is within a block");
            prop_assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{}", error);
            let again = input.read(&mut [0; 10]).expect_err("it stays cut");
            prop_assert_eq!(again.to_string(), error.to_string());
        }
    }

    #[test]
    fn damage_never_panics((codec, packed) in packed(), at: Index, flip in 1_u8..) {
        let at = at.index(packed.bytes.len());
        let mut bytes = packed.bytes.clone();
        bytes[at] ^= flip;
        let mut input = open(codec, &bytes[..]).expect("a slice can be read");
        let (out, end) = drain(&mut input, &[1000]);
        if let Err(error) = end {
            prop_assert!(
                matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof),
                "{:?}", error
            );
            let again = input.read(&mut [0; 10]).expect_err("it stays damaged");
            prop_assert_eq!(again.to_string(), error.to_string());
        }
        // Its checksum is behind every block; a changed magic may leave no codec to find it.
        if codec == Codec::Lz4 && input.codec() == codec {
            prop_assert!(packed.plain.starts_with(&out));
        }
    }

    #[test]
    fn bytes_of_no_codec_never_panic(codec in select(&CODECS[..]), tail in vec(any::<u8>(), 0..400)) {
        let mut bytes = pack(codec, &[vec![b"{}\n".to_vec()]]).bytes;
        bytes.extend(tail);
        let (out, _) = unpack(&bytes);
        prop_assert!(out.starts_with(b"{}\n"), "{:?}", out);
    }
}

/// A stream of three blocks, and where the last begins.
fn three_blocks(codec: Codec) -> (Packed, usize) {
    let blocks: Vec<Vec<u8>> =
        (0..3).map(|n| format!("{{\"Event\":\"{n}\"}}\n").repeat(50).into_bytes()).collect();
    let packed = pack(codec, &[blocks]);
    let (at, _) = *packed
        .ends
        .iter()
        .rfind(|(_, plain)| *plain < packed.plain.len())
        .expect("the first end is 0");
    (packed, at)
}

#[test]
fn messages_say_what_and_where() {
    let seen = [Codec::Lz4, Codec::Snappy, Codec::Lzf].map(|codec| {
        let (mut packed, last) = three_blocks(codec);
        let cut = unpack(&packed.bytes[..last + 10]).1.expect_err("it is cut");
        packed.bytes[last] = 0x7f;
        let (out, end) = unpack(&packed.bytes);
        assert_eq!(out, packed.plain[..out.len()], "{codec}");
        assert_eq!(out.len() * 3, packed.plain.len() * 2, "{codec}: the blocks before");
        let at = format!("byte {last}");
        [cut, end.expect_err("it is damaged")].map(|error| error.to_string().replace(&at, "HERE"))
    });
    assert_eq!(
        seen,
        [
            ["the lz4 stream ends within the block at HERE", "lz4: no block begins at HERE"],
            [
                "the snappy stream ends within the block at HERE",
                "snappy: a block claims 2130706482 bytes (limit 39146869) at HERE"
            ],
            ["the lzf stream ends within the block at HERE", "lzf: no block begins at HERE"],
        ]
    );
}

#[test]
fn gzip_tells_damage_and_cuts() {
    let (mut packed, last) = three_blocks(Codec::Gzip);
    for cut in last + 1..packed.bytes.len() {
        let (out, end) = unpack(&packed.bytes[..cut]);
        assert_eq!(end.expect_err("it is cut").kind(), ErrorKind::UnexpectedEof, "at {cut}");
        assert!(out.len() * 3 >= packed.plain.len() * 2, "at {cut}");
    }
    let checksum = packed.bytes.len() - 8;
    packed.bytes[checksum] ^= 1;
    let (out, end) = unpack(&packed.bytes);
    assert_eq!(out, packed.plain);
    let error = end.expect_err("the checksum is wrong");
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    let what = "gzip: corrupt gzip stream does not have a matching checksum before byte";
    assert_eq!(error.to_string(), format!("{what} {}", packed.bytes.len()));
}

#[test]
fn a_name_may_lie() {
    let (packed, _) = three_blocks(Codec::Zstd);
    let mut input = open(Codec::Lz4, &packed.bytes[..]).expect("a slice can be read");
    assert_eq!(input.codec(), Codec::Zstd);
    assert_eq!(drain(&mut input, &[100]).0, packed.plain);
    let mut input = open(Codec::Lz4, &packed.plain[..]).expect("a slice can be read");
    assert_eq!(input.codec(), Codec::None);
    assert_eq!(drain(&mut input, &[100]).0, packed.plain);
}

#[test]
fn nothing_is_nothing_in_every_codec() {
    for codec in CODECS {
        let mut input = open(codec, &b""[..]).expect("a slice can be read");
        assert_eq!(input.codec(), codec);
        assert_eq!(input.read(&mut [0; 10]).expect("nothing is cut"), 0, "{codec}");
    }
}
