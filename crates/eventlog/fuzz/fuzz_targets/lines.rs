//! Bytes into lines.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stagelight_eventlog_fuzz::checks::lines::check;

fuzz_target!(|input: &[u8]| check(input));
