//! Streams that Spark 4.0's own writers made: of text, which they pack, and of noise behind it,
//! which they keep as it is.

use stagelight_eventlog::{Codec, open};

use crate::checks::reading::drain;

const LINE: &str = "{\"Event\":\"SparkListenerTaskEnd\",\"Stage ID\":0}\n";

/// What each made of four times [`LINE`] and [`noise`], before and behind the noise.
const STREAMS: [(Codec, &[u8], &[u8]); 4] = [
    (
        Codec::Zstd,
        b"\x28\xb5\x2f\xfd\0\x48\xbd\x01\0\xe4\x02{\"Event\":\"SparkListenerTaskEnd\",\
        \"Stage ID\":0}\n\x01\0>DJ\x95\x01\
        \x28\xb5\x2f\xfd\0\x48\xe1\x01\0",
        b"",
    ),
    (
        Codec::Lz4,
        b"LZ4Block\x25\x39\0\0\0\xb8\0\0\0\x96\x85\x08\x0e\xff\x1f{\"Event\":\
        \"SparkListenerTaskEnd\",\"Stage ID\":0}\n\x2e\0rP\":0}\nLZ4Block\x15\0\0\0\0\0\0\0\0\0\0\0\0\
        LZ4Block\x15\x3c\0\0\0\x3c\0\0\0\x1a\xde\x87\x0c",
        b"LZ4Block\x15\0\0\0\0\0\0\0\0\0\0\0\0",
    ),
    (
        Codec::Snappy,
        b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\0\0\0\x3a\xb8\x01\xb8{\"Event\":\"SparkListenerTaskEnd\",\
        \"Stage ID\":0}\n{\xfe\x2e\0\xfe\x2e\0\x15\x2e\
        \x82SNAPPY\0\0\0\0\x01\0\0\0\x01\0\0\0\x3e\x3c\xec",
        b"",
    ),
    (
        Codec::Lzf,
        b"ZV\x01\0\x36\0\xb8\x1f{\"Event\":\"SparkListenerTaskEnd\",\x0d\"Stage ID\":0}\n\
        \xe0\x7f\x2d\x01}\n\
        ZV\0\0\x3c",
        b"",
    ),
];

/// Bytes that no codec can pack.
fn noise() -> [u8; 60] {
    let mut state = 1_u64;
    [(); 60].map(|()| {
        state = state.wrapping_mul(6_364_136_223_846_793_005);
        state = state.wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    })
}

#[test]
fn what_sparks_writers_write_is_read() {
    for (codec, before, behind) in STREAMS {
        let packed = [before, &noise(), behind].concat();
        let input = open(Codec::None, &packed[..]).expect("a slice can be read");
        assert_eq!(input.codec(), codec);
        let (plain, end) = drain(input, &[100]);
        assert_eq!(end, Ok(()), "{codec}");
        assert_eq!(plain, [LINE.repeat(4).as_bytes(), &noise()].concat(), "{codec}");
    }
}
