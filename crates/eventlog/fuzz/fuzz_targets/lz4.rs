//! Streams of lz4.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stagelight_eventlog::Codec;
use stagelight_eventlog_fuzz::checks::codec::check;

fuzz_target!(|input: &[u8]| check(Codec::Lz4, input));
