#!/usr/bin/env python3
"""Measures workers beside an emulator of S3 and SQS on the same machine.

    benches/worker.py [--segments N] [--seconds N] [--writers N ...] [--stagelight BINARY] [--write]

How much one worker reads of what waits for it, and how much of the machine the emulator takes for
that; how long it is from a PUT to queryable rows; how often commits meet with 1, 4, 16 and 32 workers.
With --write, the answers become a part of benches/RESULTS.md. Needs Python 3.11 with what
crates/cli/tests/requirements.txt names.
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "crates/cli/tests/crash"), str(ROOT / "benches/compare")]
from compare import machine, write_part  # noqa: E402
from emulator import CREDENTIALS, Emulator, free_port  # noqa: E402
from logs import copies  # noqa: E402

BUCKET = "logs"
SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.M)
LATENCY = "stagelight_worker_event_to_queryable_seconds_bucket"


class Bench:
    """An emulator with a bucket that is announced to a queue, and a lake that nobody has used."""

    def __init__(self, stagelight, folder, name):
        self.stagelight = stagelight
        self.folder = Path(folder) / name
        self.folder.mkdir()
        self.emulator = Emulator(self.folder)
        for bucket in (BUCKET, "lakes"):
            self.emulator.s3.create_bucket(Bucket=bucket)
        self.queue = self.emulator.queue("events")
        self.emulator.announce(BUCKET, "spark/", self.queue)
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "STAGELIGHT_"))}
        self.environment = environment | CREDENTIALS | {"AWS_ENDPOINT_URL": self.emulator.url}
        self.workers = []

    def put(self, number, body):
        key = f"spark/eventlog_v2_local-{number:013}/events_1_local-{number:013}"
        self.emulator.s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def start(self, workers, *options):
        for _ in range(workers):
            port = free_port()
            log = open(self.folder / f"worker-{port}.log", "wb")
            process = subprocess.Popen(
                [self.stagelight, "--lake", "s3://lakes/bench", "worker", "--queue-url", self.queue,
                 "--listen", f"127.0.0.1:{port}", *options],
                env=self.environment, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
            self.workers.append((process, port))

    def sums(self):
        """The workers' metrics, added up, by name and labels."""
        sums = {}
        for _, port in self.workers:
            try:
                text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read()
            except OSError:
                continue
            for name, labels, value in SAMPLE.findall(text.decode()):
                sums[name, labels] = sums.get((name, labels), 0) + float(value)
        return sums

    def wait(self, messages):
        """Waits until so many messages are deleted for what they brought; gives the metrics."""
        while True:
            sums = self.sums()
            if sums.get(("stagelight_worker_messages_total", 'outcome="committed"'), 0) >= messages:
                return sums
            for process, port in self.workers:
                if process.poll() is not None:
                    sys.exit(f"a worker has ended: see {self.folder}/worker-{port}.log")
            time.sleep(0.2)

    def close(self):
        for process, _ in self.workers:
            process.send_signal(signal.SIGTERM)
        for process, _ in self.workers:
            process.wait()
        self.emulator.close()


def cpu(pid):
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid):
    """The most memory that a process has had, in MiB."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def segments(count):
    """Segments of logs of applications of their own."""
    made = copies(ROOT / "testdata/logs", "", range(10**9), random.Random(1))
    bodies = (versions[-1] for _, versions in made if versions[-1])
    return [next(bodies) for _ in range(count)]


def large(size):
    """One segment of about so many bytes: the jobs, stages and tasks of one log again and again."""
    body = max(segments(60), key=len)
    return body * max(1, size // len(body))


def throughput(bench, bodies):
    """What one worker does with what waits for it."""
    for number, body in enumerate(bodies):
        bench.put(number, body)
    emulator = bench.emulator.process.pid
    before, began = cpu(emulator), time.monotonic()
    bench.start(1)
    bench.wait(len(bodies))
    wall = time.monotonic() - began
    worker = bench.workers[0][0].pid
    return {
        "segments": len(bodies), "mb": sum(map(len, bodies)) / 1e6, "wall": wall,
        "worker": cpu(worker), "emulator": cpu(emulator) - before, "memory": memory(worker),
    }  # fmt: skip


def latency(bench, bodies, seconds):
    """Seconds from PUT to queryable: the median, and what one of a hundred exceeds."""
    bench.start(1, "--commit-after", "1s")
    while not bench.sums():
        time.sleep(0.1)
    every = seconds / len(bodies)
    began = time.monotonic()
    for number, body in enumerate(bodies):
        bench.put(number, body)
        time.sleep(max(0.0, began + (number + 1) * every - time.monotonic()))
    sums = bench.wait(len(bodies))
    buckets = sorted(
        (float(re.search(r'le="([^"]+)"', labels)[1]), count)
        for (name, labels), count in sums.items()
        if name == LATENCY
    )
    return [quantile(buckets, q) for q in (0.5, 0.99)]


def quantile(buckets, q):
    """As Prometheus' histogram_quantile: by interpolation within a bucket."""
    rank = q * buckets[-1][1]
    low, below = 0.0, 0.0
    for high, count in buckets:
        if count >= rank:
            return low if high == float("inf") else low + (high - low) * (rank - below) / (count - below)
        low, below = high, count


def conflicts(bench, bodies, writers):
    """Commits of so many workers at once, and how often one was faster than another."""
    for number, body in enumerate(bodies):
        bench.put(number, body)
    began = time.monotonic()
    bench.start(writers, "--commit-after", "1s", "--threads", "1")
    sums = bench.wait(len(bodies))
    wall = time.monotonic() - began
    count = lambda what: int(sums[f"stagelight_worker_{what}_total", ""])  # noqa: E731
    return count("commits"), count("commit_conflicts"), wall


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--segments", type=int, default=600)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--writers", type=int, nargs="*", default=[1, 4, 16, 32])
    parser.add_argument("--stagelight", default=shutil.which("stagelight"), help="the binary")
    parser.add_argument("--write", action="store_true", help="write benches/RESULTS.md")
    args = parser.parse_args()
    if not args.stagelight:
        parser.error("stagelight is not on the PATH; name it with --stagelight")
    folder = tempfile.mkdtemp(prefix="stagelight-worker-")
    lines = [f"`benches/worker.py` on {machine()}; worker, lake and the emulator (ministack) share it.", ""]
    lines += ["| what waits for one worker | segments/s | MB/s | CPU s of the worker | of the emulator | MiB |",
              "| --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    waits = [("small", segments(args.segments)), ("large", [large(64 << 20)] * 12)]
    for name, bodies in waits:
        bench = Bench(args.stagelight, folder, name)
        run = throughput(bench, bodies)
        bench.close()
        lines.append(
            f"| {run['segments']} segments, {run['mb']:.0f} MB | {run['segments'] / run['wall']:.1f} "
            f"| {run['mb'] / run['wall']:.0f} | {run['worker']:.1f} | {run['emulator']:.1f} "
            f"| {run['memory']:.0f} |"
        )
        print(lines[-1], flush=True)
    bench = Bench(args.stagelight, folder, "latency")
    bodies = segments(args.seconds * 2)
    median, most = latency(bench, bodies, args.seconds)
    bench.close()
    lines += ["", f"From PUT to queryable, two segments a second for {args.seconds} s, `--commit-after 1s`: "
              f"{median:.1f} s in the median, {most:.1f} s for 99 of 100."]  # fmt: skip
    print(lines[-1], flush=True)
    lines += ["", "| workers | commits | conflicts | s |", "| --- | --- | --- | --- |"]
    for writers in args.writers:
        bench = Bench(args.stagelight, folder, f"writers-{writers}")
        commits, met, wall = conflicts(bench, segments(args.segments), writers)
        bench.close()
        lines.append(f"| {writers} | {commits} | {met} | {wall:.0f} |")
        print(lines[-1], flush=True)
    shutil.rmtree(folder)
    if args.write:
        write_part("Workers", lines)


if __name__ == "__main__":
    main()
