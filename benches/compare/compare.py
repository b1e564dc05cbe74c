#!/usr/bin/env python3
"""Reads one log with everything that can, in turn on one core, and writes benches/RESULTS.md.

    benches/compare/compare.py LOG [--rounds N] [--without NAME]...

LOG is a folder of a rolling log whose segments are plain or zstd. Installs DuckDB and Polars from
PyPI under ~/.cache, and Spark as testdata/make does. Spark and Polars read the unpacked bytes,
everything else the log as it is.
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import venv

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "testdata/make"))
import make  # noqa: E402

VENV = pathlib.Path.home() / ".cache/stagelight/compare"
PACKAGES = ["duckdb==2.0.1", "polars==2.1.0"]
CORE = "0"

# What DuckDB, Polars and Spark are told to read: what their one answer needs and no more.
DUCKDB = """
import duckdb, sys
db = duckdb.connect()
db.execute("set threads to 1")
print(db.execute('''
    select "Stage ID", count(*), sum("Task Metrics"."Executor Run Time"),
           max("Task Info"."Finish Time" - "Task Info"."Launch Time"),
           sum("Task Metrics"."Memory Bytes Spilled")
    from read_json(?, format = 'newline_delimited', compression = 'zstd', maximum_object_size = 67108864, columns = {
        Event: 'VARCHAR', "Stage ID": 'BIGINT',
        "Task Info": 'STRUCT("Launch Time" BIGINT, "Finish Time" BIGINT)',
        "Task Metrics": 'STRUCT("Executor Run Time" BIGINT, "Memory Bytes Spilled" BIGINT)'})
    where Event = 'SparkListenerTaskEnd' group by all order by all''', [sys.argv[1:]]).fetchall()[:1])
"""
POLARS = """
import polars as pl, sys
I = pl.Int64
schema = {"Event": pl.String, "Stage ID": I,
          "Task Info": pl.Struct({"Launch Time": I, "Finish Time": I}),
          "Task Metrics": pl.Struct({"Executor Run Time": I, "Memory Bytes Spilled": I})}
info, metrics = pl.col("Task Info").struct, pl.col("Task Metrics").struct
print(pl.scan_ndjson(sys.argv[1:], schema=schema).filter(pl.col("Event") == "SparkListenerTaskEnd")
      .group_by("Stage ID").agg(pl.len(), metrics.field("Executor Run Time").sum().alias("run"),
                                (info.field("Finish Time") - info.field("Launch Time")).max().alias("longest"),
                                metrics.field("Memory Bytes Spilled").sum().alias("spilled"))
      .collect().height)
"""
SPARK = """
import sys
from pyspark.sql import SparkSession, functions as f
spark = SparkSession.builder.master("local[1]").getOrCreate()
schema = ('Event STRING, `Stage ID` BIGINT, `Task Info` STRUCT<`Launch Time`: BIGINT, `Finish Time`: BIGINT>,'
          '`Task Metrics` STRUCT<`Executor Run Time`: BIGINT, `Memory Bytes Spilled`: BIGINT>')
print(spark.read.schema(schema).json(sys.argv[1:]).where("Event = 'SparkListenerTaskEnd'").groupBy("Stage ID")
      .agg(f.count("*"), f.sum("Task Metrics.Executor Run Time"),
           f.max(f.expr("`Task Info`.`Finish Time` - `Task Info`.`Launch Time`")),
           f.sum("Task Metrics.Memory Bytes Spilled")).collect()[:1])
# What a process has used is known of those that were waited for.
gateway = spark.sparkContext._gateway
spark.stop()
gateway.proc.stdin.close()
gateway.proc.wait()
"""


def python():
    """A Python with DuckDB and Polars."""
    path = VENV / "bin/python"
    wanted = " ".join(PACKAGES)
    mark = VENV / "packages"
    if not mark.exists() or mark.read_text() != wanted:
        venv.create(VENV, with_pip=True, clear=True)
        subprocess.run([VENV / "bin/pip", "install", "--quiet", *PACKAGES], check=True)
        mark.write_text(wanted)
    return path


def measured(command, env=None, cores=CORE):
    """Runs a command on given cores: seconds, CPU seconds, MiB at most, what it wrote."""
    notes, start = [], time.monotonic()
    child = subprocess.Popen(["taskset", "-c", cores, *map(str, command)], env=env, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with child.stderr:
        drain = threading.Thread(target=lambda: notes.append(child.stderr.read()))
        drain.start()
        out = child.stdout.read()
        drain.join()
    _, status, used = os.wait4(child.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{command[0]} ended with {status}:\n{notes[0][-2000:]}")
    return {"wall": time.monotonic() - start, "cpu": used.ru_utime + used.ru_stime,
            "memory": used.ru_maxrss / 1024, "out": out}


def cpu_of(group):
    """CPU seconds and MiB at most of the processes of a group."""
    ticks, memory = 0, 0
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                ticks += int(fields[11]) + int(fields[12])
                peak = [l for l in (stat.parent / "status").read_text().splitlines() if l.startswith("VmHWM")]
                memory = max(memory, int(peak[0].split()[1]) / 1024 if peak else 0)
        except (OSError, ValueError):
            pass
    return ticks / os.sysconf("SC_CLK_TCK"), memory


def history_server(log):
    """From the first question about the application until its stages are there, without the start."""
    app = log.name.removeprefix("eventlog_v2_")
    logs = make.SCRATCH / "compare"
    shutil.rmtree(logs, ignore_errors=True)
    shutil.copytree(log, logs / log.name)
    with make.history_server(logs, memory="8g", prefix=["taskset", "-c", CORE]) as (base, group):
        make.listed(base, {app})
        start, (before, _) = time.monotonic(), cpu_of(group)
        with urllib.request.urlopen(f"{base}/api/v1/applications/{app}/stages", timeout=1200) as answer:
            assert json.load(answer)
        after, memory = cpu_of(group)
        return {"wall": time.monotonic() - start, "cpu": after - before, "memory": memory}


def stagelight(binary, log, scratch):
    # A new folder each time: ext4 is slow to make files where many were deleted a moment ago.
    lake = tempfile.mkdtemp(prefix="lake-", dir=scratch)
    return measured([binary, "--lake", lake, "ingest", "--threads", "1", "--summary", "json", log])


def tape(binary, files):
    """The pass alone: its process also reads the files."""
    run = measured([binary, *files])
    run["cpu"] = run["wall"] = json.loads(run["out"])["cpu"]
    return run


def build():
    subprocess.run(["cargo", "build", "--release", "--locked", "--workspace"], cwd=ROOT, check=True)
    text = subprocess.run(["cargo", "metadata", "--no-deps", "--format-version", "1"], cwd=ROOT, check=True,
                          capture_output=True, text=True).stdout
    return pathlib.Path(json.loads(text)["target_directory"]) / "release"


def unpack(log, to):
    files = []
    for segment in sorted(log.glob("events_*"), key=lambda path: int(path.name.split("_")[1])):
        files.append(to / segment.name.removesuffix(".zstd"))
        if segment.suffix == ".zstd":
            with open(files[-1], "wb") as out:
                subprocess.run(["zstd", "-dcq", segment], check=True, stdout=out)
        else:
            shutil.copy(segment, files[-1])
    return files


def versions(binary):
    def said(*command):
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    rustc = said("rustc", "--version")
    packages = ", ".join(package.replace("==", " ") for package in PACKAGES)
    return f"{said(binary, '--version')}, {rustc}, {packages}, Spark {make.VERSIONS['40']}"


def machine():
    cpu = [l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{len(cpu)} x {cpu[0] if cpu else platform.machine()}, {memory:.0f} GiB, {platform.release()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("log", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without", action="append", default=[], metavar="NAME")
    args = parser.parse_args()
    log = args.log.resolve()
    release, interpreter = build(), python()
    spark = make.venv("40") / "bin/python"
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="stagelight-compare-"))
    try:
        files = unpack(log, scratch)
        packed = sorted(log.glob("events_*"))
        size = sum(path.stat().st_size for path in files)
        contenders = {
            "stagelight ingest": lambda: stagelight(release / "stagelight", log, scratch),
            "simd-json tape": lambda: tape(release / "tape", files),
            "DuckDB": lambda: measured([interpreter, "-c", DUCKDB, *packed]),
            "Polars": lambda: measured([interpreter, "-c", POLARS, *files], {**os.environ, "POLARS_MAX_THREADS": "1"}),
            "Spark read.json": lambda: measured([spark, "-c", SPARK, *files], make.environment("40")),
            "History Server": lambda: history_server(log),
        }
        runs = {name: [] for name in contenders if name not in args.without}
        for round in range(args.rounds):
            for name in runs:
                runs[name].append(contenders[name]())
                last = runs[name][-1]
                print(f"{round + 1}/{args.rounds} {name}: {last['cpu']:.2f} s of CPU, {last['wall']:.2f} s, "
                      f"{last['memory']:.0f} MiB", flush=True)
        lake = sum(path.stat().st_size for path in next(scratch.glob("lake-*")).rglob("*") if path.is_file())
        compressed = sum(path.stat().st_size for path in packed)
        report(args, runs, size, compressed, lake, versions(release / "stagelight"))
    finally:
        shutil.rmtree(scratch)


def report(args, runs, size, compressed, lake, versions):
    ours = statistics.median(run["cpu"] for run in runs["stagelight ingest"])
    def spread(name, key, digits):
        values = sorted(run[key] for run in runs[name])
        return " / ".join(f"{value:.{digits}f}" for value in (values[0], statistics.median(values), values[-1]))
    lines = [
        "One log, read by everything that can read it: pinned to one core, in turn. Written by",
        f"`benches/compare/compare.py LOG --rounds {args.rounds}`.", "",
        f"- machine: {machine()}", f"- versions: {versions}",
        f"- log: {args.log.name}, {size / 1e6:.0f} MB in {compressed / 1e6:.1f} MB of segments; "
        f"the lake takes {lake / 1e6:.1f} MB", "",
        "| reader | CPU s, min / median / max | MB per CPU s | CPU to ours | wall s, min / median / max | MiB at most |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name in runs:
        cpu = statistics.median(run["cpu"] for run in runs[name])
        lines.append(f"| {name} | {spread(name, 'cpu', 2)} | {size / 1e6 / cpu:.0f} | {cpu / ours:.2f} "
                     f"| {spread(name, 'wall', 2)} | {max(run['memory'] for run in runs[name]):.0f} |")
    lines += ["", "What each does:", "",
              "- stagelight ingest: compressed segments in, committed Delta tables out, every event and column.",
              "- simd-json tape: `fill_tape` of every line of the unpacked bytes in memory, buffers reused,",
              "  nothing done with it; CPU of the pass alone.",
              "- DuckDB, Polars, Spark: one aggregate over the tasks' ends (tasks, run time, longest and spill by",
              "  stage), told the five fields that it needs; start of the process included.",
              "- History Server: from the first question about the application until its stages are there; start",
              "  of the server not included."]
    write_part("Readers of one log", lines)


def write_part(title, lines):
    """Writes a part of RESULTS.md; the others stay as they are."""
    path = ROOT / "benches/RESULTS.md"
    parts = {}
    for part in path.read_text().split("\n## ")[1:] if path.exists() else []:
        name, _, text = part.partition("\n")
        parts[name] = text.strip("\n")
    parts[title] = "\n".join(lines)
    text = "\n\n".join(f"## {name}\n\n{text}" for name, text in sorted(parts.items(), reverse=True))
    path.write_text(f"# Results\n\n{text}\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
