#!/usr/bin/env bash
# Throughput and peak memory of ingesting a log, into a fresh lake, a few times over.
#
#   benches/ingest.sh PATH [RUNS]
#
# Prints, for each run, decompressed megabytes per second of CPU time (user + system, all threads)
# and of wall time, and the most memory that the process held. Builds the release binary unless
# STAGELIGHT names one.
set -euo pipefail

log=${1:?usage: benches/ingest.sh PATH [RUNS]}
runs=${2:-3}
root=$(cd "$(dirname "$0")/.." && pwd)

if [ -z "${STAGELIGHT:-}" ]; then
    cargo build --quiet --release --manifest-path "$root/Cargo.toml"
    target=$(cargo metadata --no-deps --format-version 1 --manifest-path "$root/Cargo.toml" |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
    STAGELIGHT="$target/release/stagelight"
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

python3 - "$STAGELIGHT" "$log" "$scratch" "$runs" <<'PYTHON'
import json, os, resource, subprocess, sys, time

binary, log, scratch, runs = sys.argv[1:4] + [int(sys.argv[4])]
for run in range(runs):
    lake = os.path.join(scratch, f"lake-{run}")
    started = time.monotonic()
    child = subprocess.Popen(
        [binary, "--lake", lake, "ingest", "--summary", "json", log],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    summary = json.loads(child.stdout.read())
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - started
    if os.waitstatus_to_exitcode(status) not in (0, 3):
        sys.exit(f"{binary} ended with {status}")
    cpu = usage.ru_utime + usage.ru_stime
    megabytes = summary["bytes_uncompressed"] / 1e6
    lake_bytes = sum(os.path.getsize(os.path.join(folder, name))
                     for folder, _, names in os.walk(lake) for name in names)
    print(f"{summary['events']} events, {megabytes:.0f} MB decompressed, "
          f"{summary['bytes'] / 1e6:.1f} MB read, {lake_bytes / 1e6:.1f} MB lake: "
          f"cpu {cpu:.2f} s ({megabytes / cpu:.0f} MB/s), "
          f"wall {wall:.2f} s ({megabytes / wall:.0f} MB/s), "
          f"peak {usage.ru_maxrss / 1024:.0f} MiB", flush=True)
PYTHON
