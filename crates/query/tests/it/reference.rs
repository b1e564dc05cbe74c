//! The page of metrics in `docs/` is the one that the declarations make.

use std::fs;

use stagelight_query::reference;

use crate::root;

#[test]
fn the_page_of_metrics_is_up_to_date() {
    let written = fs::read_to_string(root().join("docs/metrics.md")).unwrap_or_default();
    let declared = reference().expect("headers are whole");
    if written != declared {
        let fresh = concat!(env!("CARGO_TARGET_TMPDIR"), "/metrics.md");
        fs::write(fresh, &declared).expect("a file");
        panic!("docs/metrics.md is not what the declarations say; copy {fresh} over it");
    }
}
