//! Whatever is packed comes back, however it is read; what is cut or damaged is told.

use std::io::{ErrorKind, Read};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use stagelight_eventlog::{Codec, open};

use crate::checks::codec::{comes_back, keeps_what_is_before, reads_alike};
use crate::checks::framing::{Packed, pack};
use crate::checks::reading::{End, drain};

const CODECS: [Codec; 5] = [Codec::Zstd, Codec::Lz4, Codec::Snappy, Codec::Lzf, Codec::Gzip];

fn unpack(bytes: &[u8]) -> (Vec<u8>, End) {
    // Named after no codec: the bytes tell.
    drain(open(Codec::None, bytes).expect("a slice can be read"), &[1 << 16])
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

fn packed() -> impl Strategy<Value = Packed> {
    (select(&CODECS[..]), vec(vec(block(), 0..5), 1..4))
        .prop_map(|(codec, streams)| pack(codec, &streams))
        // Of no bytes at all nothing can be told.
        .prop_filter("empty", |packed| !packed.bytes.is_empty())
}

/// Lengths of reads, some of which are interrupted where `least` is 0.
pub(crate) fn steps(least: usize) -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        vec(least..40, 1..8).prop_filter("no step", |steps| steps.iter().any(|step| *step > 0)),
        vec(1_usize..100_000, 1..8),
    ]
}

proptest! {
    #[test]
    fn what_is_packed_comes_back(packed in packed(), steps in steps(0), sizes in steps(1)) {
        comes_back(&packed, &steps, &sizes);
    }

    #[test]
    fn a_cut_keeps_what_is_before_it(packed in packed(), cut: Index, sizes in steps(1)) {
        keeps_what_is_before(&packed, cut.index(packed.bytes.len() + 1), &sizes);
    }

    #[test]
    fn damage_is_the_same_however_it_is_read(
        packed in packed(),
        (at, flip) in (any::<Index>(), 1_u8..),
        (steps, sizes) in (steps(0), steps(1)),
    ) {
        let Packed { codec, mut bytes, plain, .. } = packed;
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        reads_alike(codec, &bytes, &steps, &sizes);
        // Its checksum is behind every block; a changed magic may leave no codec to find it.
        let mut input = open(codec, &bytes[..]).expect("a slice can be read");
        if codec == Codec::Lz4 && input.codec() == codec {
            prop_assert!(plain.starts_with(&drain(&mut input, &sizes).0));
        }
    }

    #[test]
    fn bytes_of_no_codec_do_no_harm(codec in select(&CODECS[..]), tail in vec(any::<u8>(), 0..400)) {
        let mut bytes = pack(codec, &[vec![b"{}\n".to_vec()]]).bytes;
        bytes.extend(tail);
        let (out, _) = unpack(&bytes);
        prop_assert!(out.starts_with(b"{}\n"), "{:?}", out);
    }
}

/// Three streams of a block each, and where the last block begins.
fn three_blocks(codec: Codec) -> (Packed, usize) {
    let block = |n: i32| format!("{{\"Event\":\"{n}\"}}\n").repeat(50).into_bytes();
    let packed = pack(codec, &[0, 1, 2].map(|n| vec![block(n)]));
    let mut before = packed.ends.iter().filter(|end| end.plain < packed.plain.len());
    let at = before.next_back().expect("the first end is 0").packed;
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
        [cut, end.expect_err("it is damaged")].map(|(_, what)| what.replace(&at, "HERE"))
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
        assert_eq!(end.expect_err("it is cut").0, ErrorKind::UnexpectedEof, "at {cut}");
        assert!(out.len() * 3 >= packed.plain.len() * 2, "at {cut}");
    }
    let checksum = packed.bytes.len() - 8;
    packed.bytes[checksum] ^= 1;
    let (out, end) = unpack(&packed.bytes);
    assert_eq!(out, packed.plain);
    let (kind, what) = end.expect_err("the checksum is wrong");
    assert_eq!(kind, ErrorKind::InvalidData);
    let expected = "gzip: corrupt gzip stream does not have a matching checksum before byte";
    assert_eq!(what, format!("{expected} {}", packed.bytes.len()));
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
