//! The families that tell of the server itself.

use stagelight_query::FamilyType;

use crate::exposition::{write_header, write_sample};
use crate::snapshot::Snapshot;

/// Writes which version of the program this is.
pub(crate) fn write_build(text: &mut String) {
    let build = "stagelight_build_info";
    write_header(text, build, FamilyType::Gauge.as_str(), "Version of the program, as a label.");
    write_sample(text, build, [("version", env!("CARGO_PKG_VERSION"))], 1.0);
}

/// Writes what is to be said about the server and `snapshot`.
pub(crate) fn write(text: &mut String, snapshot: &Snapshot) {
    write_build(text);
    for (family, help, value) in [
        (
            "stagelight_snapshot_age_seconds",
            "Time since the Spark metrics were computed.",
            snapshot.computed.elapsed().as_secs_f64(),
        ),
        (
            "stagelight_snapshot_compute_seconds",
            "Time that it took to compute the Spark metrics.",
            snapshot.took.as_secs_f64(),
        ),
        ("stagelight_snapshot_series", "Series of the Spark metrics.", snapshot.series as f64),
    ] {
        write_header(text, family, FamilyType::Gauge.as_str(), help);
        write_sample(text, family, [], value);
    }
}
