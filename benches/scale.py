#!/usr/bin/env python3
"""Ingests many copies of one log, under other ids, with one thread and with two.

    benches/scale.py LOG [--copies N] [--rounds N]

LOG is a folder of a rolling log whose segments are zstd. Prints CPU and wall time, peak memory, and
how much faster two threads are; the copies are the same application, only its id is another.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "compare"))
import compare  # noqa: E402


def copy(log, app, other, to):
    """The log as that of another application."""
    folder = to / log.name.replace(app, other)
    folder.mkdir()
    for file in log.iterdir():
        path = folder / file.name.replace(app, other)
        if file.suffix == ".zstd":
            script = f"zstd -dcq '{file}' | sed 's/{app}/{other}/g' | zstd -q -1 -o '{path}'"
            subprocess.run(script, shell=True, check=True)
        else:
            shutil.copy(file, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("log", type=pathlib.Path)
    parser.add_argument("--copies", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    binary = compare.build() / "stagelight"
    app = args.log.name.removeprefix("eventlog_v2_")
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="stagelight-scale-"))
    try:
        logs = scratch / "logs"
        logs.mkdir()
        for n in range(args.copies):
            # As long as the id that it stands for, so that a copy is as large as the original.
            copy(args.log, app, f"{app[:-3]}{n:03}", logs)
        os.sync()
        for name, paths in [("1 log", [args.log]), (f"{args.copies} logs", [logs])]:
            for round in range(args.rounds):
                walls = {}
                for threads in (1, 2):
                    lake = scratch / "lake"
                    shutil.rmtree(lake, ignore_errors=True)
                    run = compare.measured(
                        [binary, "--lake", lake, "ingest", "--threads", threads, "--summary", "json", *paths], cores="0,1")
                    walls[threads] = run["wall"]
                    print(f"{name}, {threads} threads: {run['cpu']:.2f} s of CPU, {run['wall']:.2f} s, "
                          f"{run['memory']:.0f} MiB", flush=True)
                print(f"{name}: {walls[1] / walls[2]:.2f} times as fast with two", flush=True)
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
