#!/usr/bin/env python3
"""The crash test: whatever dies, every row is in the lake once.

Logs are put into a bucket of an S3 and SQS emulator while workers read what is announced. One worker
after another is killed, messages are repeated, reordered and delayed, S3 fails in every way that it
can, and the lake is maintained all the while. At the end, every table must have, row for row, what
one quiet `stagelight ingest` of the bucket gives.

Needs Python 3.11 with what `crates/cli/tests/requirements.txt` names. Exits with 0 where the lakes
are equal, with 1 where stagelight is at fault, and with 2 where the test could not be run.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from courier import BUCKET, Courier
from emulator import CREDENTIALS, Emulator
from lakes import Lakes
from logs import as_they_are, copies
from proxy import FaultProxy
from workers import Crew, Failure, Maintainer

TESTDATA = Path(__file__).resolve().parents[4] / "testdata" / "logs"
LAKE, QUIET = "s3://lakes/crashed", "s3://lakes/quiet"
WORKERS = 3
# A message that was received often and given back is shown again after a quarter of an hour.
SETTLES_WITHIN = 1200
WORKER = [
    "--visibility-timeout", "6s", "--commit-after", "1s", "--max-receives", "1000",
    "--drain-timeout", "20s", "--threads", "1", "--listen", "127.0.0.1:0",
]  # fmt: skip
MAINTAIN = ["maintain", "--settled", "0s", "--min-files", "4", "--vacuum-after", "1h"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stagelight", default=shutil.which("stagelight"), help="the binary")
    parser.add_argument("--kills", type=int, default=100, help="so many kills of workers at work")
    parser.add_argument("--every", type=float, default=2.0, help="seconds from kill to kill")
    parser.add_argument("--copies", type=int, help="logs that are made of those there are")
    parser.add_argument("--corpus", type=Path, action="append", default=[], help="more logs")
    parser.add_argument("--fault-rate", type=float, default=0.03, help="share of requests")
    parser.add_argument("--keep", action="store_true", help="keep the logs of a run that passes")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    given = parser.parse_args()
    if not given.stagelight:
        parser.error("stagelight is not on the PATH; name it with --stagelight")
    if given.copies is None:
        given.copies = max(4, given.kills // 3)
    return given


class Test:
    def __init__(self, given, folder):
        self.given = given
        self.random = random.Random(given.seed)
        self.emulator = Emulator(folder)
        self.proxy = FaultProxy(self.emulator.port, given.seed)
        for bucket in (BUCKET, "lakes"):
            self.emulator.s3.create_bucket(Bucket=bucket)
        self.announced = self.emulator.queue("announced")
        self.events = self.emulator.queue("events")
        self.emulator.announce(BUCKET, "spark/", self.announced)
        self.courier = Courier(self.emulator, self.announced, self.events, self._child())
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "STAGELIGHT_"))
        } | CREDENTIALS
        quiet = environment | {"AWS_ENDPOINT_URL": self.emulator.url}
        through = quiet | {"AWS_ENDPOINT_URL_S3": self.proxy.url}
        self.lakes = Lakes(given.stagelight, quiet)
        lake = [given.stagelight, "--lake", LAKE]
        worker = [*lake, "worker", "--queue-url", self.events, "--prefix", f"s3://{BUCKET}/spark/"]
        self.proxy.rate = given.fault_rate
        self.crew = Crew([*worker, *WORKER], through, WORKERS, folder, self._child())
        self.maintainer = Maintainer([*lake, *MAINTAIN], through, folder, self._child())

    def _child(self):
        """Random numbers of its own, so that threads do not take each other's."""
        return random.Random(self.random.random())

    def objects(self):
        """What is put into the bucket, and after what."""
        logs = list(as_they_are(TESTDATA, "spark/testdata"))
        for number, corpus in enumerate(self.given.corpus):
            logs += as_they_are(corpus, f"spark/corpus-{number}")
        made = range(self.given.copies)
        return self._in_turn(logs + list(copies(TESTDATA, "spark/copies", made, self.random)))

    def _in_turn(self, logs):
        """Objects of all logs in any order, but for the versions of one."""
        puts = [(self.random.random(), key, version) for key, versions in logs
                for version in versions]  # fmt: skip
        order = sorted(at for at, _, _ in puts)
        by_key = {}
        for at, key, _ in puts:
            by_key.setdefault(key, []).append(at)
        times = {key: iter(sorted(ats)) for key, ats in by_key.items()}
        dated = sorted((next(times[key]), key, version) for _, key, version in puts)
        assert [at for at, _, _ in dated] == order
        return [(key, version) for _, key, version in dated]

    def rage(self):
        """Puts everything into the bucket while one worker after another is struck."""
        given, crew = self.given, self.crew
        puts = self.objects()
        started = time.monotonic()
        # All are there when most of the kills are done.
        put_every = 0.9 * given.kills * given.every / len(puts)
        next_strike = next_put = started
        done, copied = 0, given.copies
        while done < len(puts) or crew.counts["kill"] < given.kills:
            now = time.monotonic()
            if done < len(puts) and now >= next_put:
                key, body = puts[done]
                self.emulator.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
                done += 1
                next_put = max(now, next_put + put_every)
                if done == len(puts) and crew.counts["kill"] < given.kills:
                    # There is something to read while there is somebody to kill.
                    more = range(copied, copied + 10)
                    copied = more.stop
                    puts += self._in_turn(copies(TESTDATA, "spark/copies", more, self.random))
            if now >= next_strike:
                crew.strike()
                next_strike = now + self.random.expovariate(1 / given.every)
            self._check()
            wait = min(next_strike, next_put if done < len(puts) else next_strike)
            time.sleep(max(0.0, min(0.1, wait - time.monotonic())))
        return len(puts)

    def settle(self):
        """Waits until nothing is left to do, with nobody in the way."""
        self.proxy.rate = 0.0
        until = time.monotonic() + SETTLES_WITHIN
        empty = 0
        while empty < 5:
            if time.monotonic() > until:
                left = self.emulator.depth(self.events)
                raise Failure(f"{left} messages are left after {SETTLES_WITHIN} s")
            self._check()
            left = self.emulator.depth(self.announced) + self.emulator.depth(self.events)
            empty = empty + 1 if left == 0 and self.courier.is_done() else 0
            time.sleep(0.4)
        self.maintainer.close()
        self.crew.drain()

    def _check(self):
        self.crew.check()
        self.maintainer.check()
        if self.courier.failure:
            raise RuntimeError("the courier has failed") from self.courier.failure

    def compare(self):
        quiet = self.lakes.run("--lake", QUIET, "ingest", f"s3://{BUCKET}/spark/")
        # 3: something went to quarantine, as it should.
        if quiet.returncode not in (0, 3):
            raise Failure(f"a quiet ingest ends with {quiet.returncode}: {quiet.stderr[-500:]}")
        rows, differences = self.lakes.differences(QUIET, LAKE)
        return rows, differences + self.lakes.unreadable(LAKE)

    def close(self):
        self.courier.close()
        self.crew.kill_all()
        self.proxy.close()
        self.emulator.close()


def told(counts):
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"


def main():
    given = arguments()
    again = f"--seed {given.seed} --kills {given.kills} --every {given.every}"
    again += f" --copies {given.copies} --fault-rate {given.fault_rate}"
    print(f"crash test: {again}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    folder = Path(tempfile.mkdtemp(prefix="stagelight-crash-"))
    started = time.monotonic()
    code, test = 2, None
    try:
        test = Test(given, folder)
        puts = test.rage()
        test.settle()
        rows, differences = test.compare()
        print(f"seconds    {time.monotonic() - started:.0f}")
        print(f"workers    {told(test.crew.counts)}")
        print(f"maintained {told(test.maintainer.counts)}")
        print(f"objects    {puts} put")
        print(f"messages   {told(test.courier.counts)}")
        print(f"S3         {told(test.proxy.counts)}")
        print(f"compared   {rows} rows")
        if differences:
            print("\n".join(differences))
            code = 1
        else:
            print("every table is equal, row for row")
            code = 0
    except Failure as failure:
        print(failure)
        code = 1
    except Exception:
        traceback.print_exc()
    finally:
        if test:
            test.close()
    if code:
        print(f"FAILED: seed {given.seed}; logs are in {folder}; again: crash.py {again}")
    else:
        if given.keep:
            print(f"logs are in {folder}")
        else:
            shutil.rmtree(folder)
        print(f"seed {given.seed}: passed")
    return code


if __name__ == "__main__":
    sys.exit(main())
