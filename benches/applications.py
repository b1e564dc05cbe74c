#!/usr/bin/env python3
"""What metrics cost with many applications: makes a lake of small ones, rolls them up, and scrapes.

Every application is the same piece of a real log (testdata/logs/inventory-single-35): its start,
some of its environment, its first job with all of that, and its end, under another id, name, namespace
and time. They are spread over 30 days, so that most are outside of the window of the metrics.

    benches/applications.py --applications 100000 --lake /tmp/many
"""

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOG = ROOT / "testdata/logs/inventory-single-35"
NAMES, NAMESPACES, DAYS = 700, 20, 30
KEPT = ("spark.master", "spark.app.name", "spark.driver.host", "spark.executor.memory")
TIMES = ("Timestamp", "Submission Time", "Completion Time", "Launch Time", "Finish Time")


def template():
    """The events that an application has."""
    lines = [line for file in sorted(LOG.rglob("*")) if file.is_file() for line in text(file)]
    events, stages = [], set()
    for event in map(json.loads, lines):
        kind = event["Event"]
        if kind == "SparkListenerJobStart":
            if event["Job ID"] > 0:
                continue
            stages = set(event["Stage IDs"])
        elif kind == "SparkListenerJobEnd" and event["Job ID"] > 0:
            continue
        elif kind == "SparkListenerEnvironmentUpdate":
            properties = event["Spark Properties"]
            event = {
                "Event": kind,
                "JVM Information": {},
                "System Properties": {},
                "Classpath Entries": {},
                "Spark Properties": {k: v for k, v in properties.items() if k in KEPT},
            }
        elif "Stage" in kind or "Task" in kind:
            if event.get("Stage ID", event.get("Stage Info", {}).get("Stage ID")) not in stages:
                continue
        elif kind not in (
            "SparkListenerLogStart",
            "SparkListenerApplicationStart",
            "SparkListenerApplicationEnd",
            "SparkListenerExecutorAdded",
        ):
            continue
        events.append(event)
    return events


def text(file):
    tool = ["zstd", "-dc"] if file.suffix in (".zst", ".zstd") else ["cat"]
    return subprocess.run([*tool, file], capture_output=True, check=True).stdout.decode().splitlines()


def shift(value, by):
    """Every time in an event, later by so many milliseconds."""
    if isinstance(value, dict):
        return {
            key: item + by if key in TIMES and item else shift(item, by)
            for key, item in value.items()
        }
    return [shift(item, by) for item in value] if isinstance(value, list) else value


def write(folder, events, numbers, of, now):
    """The logs of some of the applications, which are so many."""
    begin = next(e["Timestamp"] for e in events if e["Event"].endswith("ApplicationStart"))
    for n in numbers:
        by = now - begin - 1000 * (60 + n * 86_400 * DAYS // of)
        log = []
        for event in events:
            event = shift(event, by)
            if event["Event"] == "SparkListenerApplicationStart":
                event |= {"App ID": f"app-{n:06}", "App Name": f"job {n % NAMES}"}
            elif event["Event"] == "SparkListenerEnvironmentUpdate":
                namespace = {"spark.kubernetes.namespace": f"team-{n % NAMESPACES}"}
                event["Spark Properties"] = event["Spark Properties"] | namespace
            log.append(json.dumps(event, separators=(",", ":")))
        (folder / f"app-{n:06}").write_text("\n".join(log) + "\n")


def cpu(command):
    """Runs it; the seconds of CPU that it took, and its peak memory in MiB."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command} failed")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def scrape(address):
    started = time.perf_counter()
    with urllib.request.urlopen(f"http://{address}/metrics") as answer:
        body = answer.read().decode()
    return time.perf_counter() - started, body


def value(body, name):
    found = [line for line in body.splitlines() if line.startswith(name + " ")]
    return float(found[0].split()[1]) if found else None


def serve(stagelight, lake, scrapes=20):
    """What the first snapshot takes, and a scrape of it."""
    address = "127.0.0.1:9599"
    process = subprocess.Popen(
        [stagelight, "--lake", lake, "serve", "--listen", address], stderr=subprocess.DEVNULL
    )
    try:
        while True:
            try:
                body = scrape(address)[1]
                if value(body, "stagelight_snapshot_series") is not None:
                    break
            except OSError:
                pass
            time.sleep(0.2)
        times = sorted(scrape(address)[0] for _ in range(scrapes))
        status = Path(f"/proc/{process.pid}/status").read_text()
        rss = next(int(l.split()[1]) for l in status.splitlines() if l.startswith("VmHWM"))
        print(f"  snapshot {value(body, 'stagelight_snapshot_compute_seconds'):.2f} s,"
              f" {value(body, 'stagelight_snapshot_series'):.0f} series, {len(body) / 1e6:.2f} MB,"
              f" scrape {times[len(times) // 2] * 1000:.1f} ms (max {times[-1] * 1000:.1f}),"
              f" peak {rss / 1024:.0f} MiB", flush=True)
        return body
    finally:
        process.terminate()
        process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--applications", type=int, default=100_000)
    parser.add_argument("--lake", default="/tmp/many")
    parser.add_argument("--batch", type=int, default=2_000)
    parser.add_argument("--stagelight", default="stagelight")
    given = parser.parse_args()
    all = given.applications
    events, now = template(), int(time.time() * 1000)
    shutil.rmtree(given.lake, ignore_errors=True)
    lake = [given.stagelight, "--lake", given.lake]
    took = {"ingest": 0.0, "maintain": 0.0}
    started = time.time()
    with tempfile.TemporaryDirectory() as folder:
        for first in range(0, all, given.batch):
            logs = Path(folder) / f"{first:06}"
            logs.mkdir()
            write(logs, events, range(first, min(first + given.batch, all)), all, now)
            took["ingest"] += cpu([*lake, "ingest", logs])[0]
            shutil.rmtree(logs)
            merge = ["maintain", "--settled", "0s", "--min-files", "2", "--vacuum-after", "1h"]
            seconds, peak = cpu([*lake, *merge])
            took["maintain"] += seconds
            done = first + given.batch
            print(f"{done} applications after {time.time() - started:.0f} s: CPU s "
                  f"{ {k: round(v) for k, v in took.items()} }, maintain peak {peak:.0f} MiB",
                  flush=True)
            if done in (given.batch, 10_000, 50_000):
                serve(given.stagelight, given.lake)
    body = serve(given.stagelight, given.lake)
    families = {}
    for line in body.splitlines():
        if not line.startswith("#"):
            name = line.split("{")[0].split(" ")[0]
            families[name] = families.get(name, 0) + 1
    print(dict(sorted(families.items(), key=lambda item: -item[1])[:12]))


if __name__ == "__main__":
    main()
