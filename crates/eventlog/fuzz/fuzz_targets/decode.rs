//! Lines into values.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stagelight_eventlog_fuzz::checks::decode::check;

fuzz_target!(|input: &[u8]| check(input));
