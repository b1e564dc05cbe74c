//! The families that tell of the server itself.

use crate::exposition::Exposition;
use crate::snapshot::Snapshot;

/// Writes which version of the program this is.
pub(crate) fn write_build(out: &mut Exposition) {
    let build = "stagelight_build_info";
    out.family(build, "gauge", "Version of the program, as a label.");
    out.sample(build, [("version", env!("CARGO_PKG_VERSION"))], 1.0);
}

/// Writes what is to be said about the server and `snapshot`.
pub(crate) fn write(out: &mut Exposition, snapshot: &Snapshot) {
    write_build(out);
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
        (
            "stagelight_snapshot_failed_families",
            "Families of --metrics-dir that could not be computed; the log says which.",
            snapshot.failed as f64,
        ),
        (
            "stagelight_snapshot_left_out_applications",
            "Applications that are too large for --memory-mib: counters and histograms have not all of \
             them; the log says which.",
            snapshot.left_out as f64,
        ),
    ] {
        out.family(family, "gauge", help);
        out.sample(family, [], value);
    }
    let family = "stagelight_snapshot_dropped_series";
    out.family(family, "gauge", "Series of a family of the Spark metrics that it had no room for.");
    for (of, dropped) in &snapshot.dropped {
        out.sample(family, [("family", of.as_str())], *dropped as f64);
    }
}
