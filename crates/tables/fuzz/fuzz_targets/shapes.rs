//! Lines into rows, by learned shapes and by the parser.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stagelight_tables_fuzz::checks::shapes::check;

fuzz_target!(|input: &[u8]| {
    check(input);
});
