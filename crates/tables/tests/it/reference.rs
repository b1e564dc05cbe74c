//! The column reference in `docs/` is the one that the declarations make.

use std::fs;

#[test]
fn the_reference_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/lake.md");
    let written = fs::read_to_string(path).unwrap_or_default();
    let declared = stagelight_tables::reference();
    if written != declared {
        let fresh = concat!(env!("CARGO_TARGET_TMPDIR"), "/lake.md");
        fs::write(fresh, &declared).expect("a file");
        panic!("docs/lake.md is not what the declarations say; copy {fresh} over it");
    }
}
