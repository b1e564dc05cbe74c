#!/usr/bin/env python3
"""Counts what worker, serve and maintain ask of S3 and SQS, which is what a bucket and a queue cost.

    benches/requests.py [--stagelight BINARY] [--write]

A proxy before an emulator on this machine counts. S3's kinds are those of its prices: PUT (with POST
and LIST), GET (with HEAD), and DELETE, which is free. With --write, the answers become a part of
benches/RESULTS.md. Needs Python 3.11 with what deploy/tests/requirements.txt names.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "deploy/tests"))
from worker import Bench, free_port, machine, segments, write_part  # noqa: E402

from iam_gate import Gate  # noqa: E402

KINDS = ["PUT", "GET", "DELETE", "SQS"]


class Counting(Gate):
    """Lets everything through, and counts it."""

    def __init__(self, emulator):
        super().__init__(emulator, '{"Statement": []}')
        self.counts = Counter()
        self.lock = threading.Lock()

    def allows(self, *_):
        return True

    def forward(self, request, body):
        if "X-Amz-Target" in request.headers:
            kind = "SQS"
        elif request.command in ("PUT", "POST") or "list-type=" in request.path:
            kind = "PUT"
        else:
            kind = "DELETE" if request.command == "DELETE" else "GET"
        answer = super().forward(request, body)
        with self.lock:
            self.counts[kind] += 1
            # Each look for news asks for the ledger's next entry.
            self.counts["looks"] += answer[0] == 404 and re.search(r"/sources/_delta_log/\d+\.json", request.path) is not None
        return answer


@contextmanager
def counting(stagelight):
    """A bench whose requests are counted."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(stagelight, folder, "requests")
        gate = Counting(bench.emulator.url)
        bench.environment["AWS_ENDPOINT_URL"] = gate.url
        try:
            yield bench, gate
        finally:
            bench.close()
            gate.close()


def read(bench, gate, bodies, every, *options):
    """One worker reads what comes, a segment every so many seconds; gives its commits. The first segment, with
    which the lake is made, does not count: what was asked for it is given too."""
    bench.start(1, *options)
    bench.put(0, bodies[0])
    bench.wait(1)
    first, gate.counts = gate.counts, Counter()
    for number, body in enumerate(bodies[1:], 1):
        bench.put(number, body)
        time.sleep(every)
    commits = bench.wait(len(bodies))["stagelight_worker_commits_total", ""]
    return int(commits) - 1, first


def serving(bench, body, seconds=100):
    """What `serve` asks after its first snapshot, while there is no news and then for those of one segment more:
    requests and snapshots."""
    gate = Counting(bench.emulator.url)
    address = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [bench.stagelight, "--lake", "s3://lakes/bench", "serve", "--listen", address, "--metrics-window", "36500d"],
        env=bench.environment | {"AWS_ENDPOINT_URL": gate.url}, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def age():
        try:
            text = urllib.request.urlopen(f"http://{address}/metrics", timeout=60).read().decode()
            return float(re.search(r"^stagelight_snapshot_age_seconds (\S+)", text, re.M)[1])
        except (OSError, TypeError):
            return None

    def counted(until):
        gate.counts, last, snapshots = Counter(), age(), 0
        while not until(snapshots):
            time.sleep(0.2)
            now = age()
            snapshots += now < last
            last = now
        return gate.counts, snapshots

    try:
        while age() is None:
            time.sleep(0.2)
        end = time.monotonic() + seconds
        yield counted(lambda _: time.monotonic() > end)
        bench.start(1, "--commit-after", "1s")
        bench.put(10**6, body)
        # Only who has news lists the tables; the snapshot after that has them.
        before = []

        def is_told(snapshots):
            if gate.counts["PUT"] and not before:
                before.append(snapshots)
            return before and snapshots > before[0]

        yield counted(is_told)
    finally:
        bench.workers.pop()[0].terminate()
        process.terminate()
        process.wait()
        gate.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stagelight", default=shutil.which("stagelight"), help="the binary")
    parser.add_argument("--write", action="store_true", help="write benches/RESULTS.md")
    args = parser.parse_args()
    if not args.stagelight:
        parser.error("stagelight is not on the PATH; name it with --stagelight")
    lines = [f"`benches/requests.py` on {machine()}. S3's kinds are those of its prices: PUT with POST and LIST, "
             "GET with HEAD.", "",
             f"| what | segments | commits | {' | '.join(KINDS)} |", f"| --- |{' ---: |' * (len(KINDS) + 2)}"]  # fmt: skip

    def tell(what, counts, number="", commits=""):
        lines.append(f"| {what} | {number} | {commits} | {' | '.join(str(counts[kind]) for kind in KINDS)} |")
        print(lines[-1], flush=True)

    def tell_of_serve(state, count, body):
        for news, (counts, snapshots) in zip(["no news", "news of a segment"], serving(bench, body)):
            looks = counts["looks"]
            tell(f"`serve`, {state}, {news}; looks: {looks}, snapshots: {snapshots}", counts, count)

    for what, count, every, options in [
        ("one segment at a time", 20, 2, ["--commit-after", "1s"]),
        ("two segments a second", 60, 0.5, []),
        ("segments that wait", 400, 0, []),
    ]:
        with counting(args.stagelight) as (bench, gate):
            *bodies, news = segments(count + 2)
            commits, first = read(bench, gate, bodies, every, *options)
            tell(f"`worker`, {what}", gate.counts, count, commits)
            if count == 20:
                bench.workers.pop()[0].terminate()
                tell_of_serve("nothing merged", count, news)
            if count < 400:
                continue
            gate.counts = Counter()
            time.sleep(60)
            tell("`worker`, a minute without messages", gate.counts)
            bench.workers.pop()[0].terminate()
            for what, *options in [("those segments", "--settled", "0s", "--min-files", "2"), ("nothing",)]:
                gate.counts = Counter()
                command = [args.stagelight, "--lake", "s3://lakes/bench", "maintain", *options]
                subprocess.run(command, env=bench.environment, check=True, stdout=subprocess.DEVNULL)
                tell(f"`maintain`, after {what}", gate.counts, count)
            tell_of_serve("all merged", count, news)
    tell("`worker`, the first segment, with which the lake is made", first, 1, 1)
    if args.write:
        write_part("Requests", lines)


if __name__ == "__main__":
    main()
