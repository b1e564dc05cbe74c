#!/usr/bin/env python3
"""Asks a lake of many applications about one of them, and about the last day.

    benches/queries.py LOG [--copies N] [--lake DIR]

LOG is a folder of a rolling log whose segments are zstd. Copies of it, under other ids and each
2.8 hours before the one before, are ingested (75 of a log of 134,098 tasks are 10 million tasks;
they take 2 GB and some minutes to make), then every view is asked about one of them and the
metrics are computed for a day, and DuckDB is asked on the same Parquet files. Writes a part of
benches/RESULTS.md. With --lake, the lake is kept there and used again.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "compare"))
import compare  # noqa: E402

# Times of a log share their first digits: with others in their place it was written another day.
STEP_MS = 10**7

DUCKDB = """
import duckdb, json, statistics, sys, time
lake, app, apps = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
ends = f"read_parquet('{lake}/task_ends/*.parquet')"
sums = ', '.join(f'sum({c[0]})' for c in duckdb.sql(f'DESCRIBE SELECT * FROM {ends}').fetchall()
                 if c[1] == 'BIGINT' and c[0].endswith(('_ms', '_ns', '_bytes', '_records')))
by_stage = f"SELECT app_id, stage_id, stage_attempt_id, count(*), {sums} FROM {ends} WHERE {{}} GROUP BY ALL"
for name, sql in [
    ("all columns of the ends of one application's tasks", f"SELECT * FROM {ends} WHERE app_id = '{app}'"),
    ("sums by stage of one application", by_stage.format(f"app_id = '{app}'")),
    ("sums by stage of the last day's applications", by_stage.format(f"app_id IN ({', '.join(map(repr, apps))})")),
]:
    seconds = []
    for _ in range(8):
        started = time.perf_counter()
        duckdb.sql(f"CREATE OR REPLACE TEMP TABLE answer AS {sql}")
        seconds.append(time.perf_counter() - started)
    rows = duckdb.sql("SELECT count(*) FROM answer").fetchall()[0][0]
    again = sorted(seconds[1:])
    print(json.dumps({"asked": name, "rows": rows, "first": seconds[0],
                      "median": statistics.median(again), "slowest": again[-1]}))
"""


def copies(log, count, to):
    """Copies of `log`; returns their application ids, the newest first."""
    app = log.name.removeprefix("eventlog_v2_")
    start = app.rsplit("-", 1)[-1]
    prefix = start[:-7]
    newest = int(time.time() * 1000) // STEP_MS - 1

    def segment(file, shifted):
        other = app.replace(start, f"{shifted}{start[-7:]}")
        folder = to / log.name.replace(app, other)
        folder.mkdir(exist_ok=True)
        path = folder / file.name.replace(app, other)
        if file.suffix != ".zstd":
            shutil.copy(file, path)
            return
        text = subprocess.run(["zstd", "-dcq", file], check=True, stdout=subprocess.PIPE).stdout
        text = text.replace(prefix.encode(), str(shifted).encode())
        subprocess.run(["zstd", "-q", "-1", "-f", "-o", path], check=True, input=text)

    jobs = [(file, newest - n) for n in range(count) for file in log.iterdir()]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda job: segment(*job), jobs))
    return [app.replace(start, f"{newest - n}{start[-7:]}") for n in range(count)]


def table(results):
    columns = ["first", "median", "slowest"] + ["planned"] * any("planned" in r for r in results)
    names = {"first": "first, s", "median": "again: median, s", "slowest": "slowest, s", "planned": "of it planning, s"}
    rows = [["asked", "rows", *(names[c] for c in columns)], ["---"] * (2 + len(columns))]
    for r in results:
        seconds = ("" if r[c] is None else f"{r[c]:.3f}" for c in columns)
        rows.append([r["asked"], str(r["rows"]), *seconds])
    return [f"| {' | '.join(row)} |" for row in rows]


def asked(*command):
    out = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("log", type=pathlib.Path)
    parser.add_argument("--copies", type=int, default=75)
    parser.add_argument("--lake", type=pathlib.Path)
    args = parser.parse_args()
    release, interpreter = compare.build(), compare.python()
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="stagelight-queries-"))
    lake = args.lake or scratch / "lake"
    try:
        if not lake.exists():
            logs = scratch / "logs"
            logs.mkdir()
            copies(args.log.resolve(), args.copies, logs)
            subprocess.run([release / "stagelight", "--lake", lake, "ingest", logs], check=True)
        sql = "SELECT app_id, last_event_time > now() - INTERVAL '1 day' AS recent FROM applications ORDER BY 1 DESC"
        found = json.loads(subprocess.run([release / "stagelight", "--lake", lake, "sql", "--format", "json", sql],
                                          check=True, capture_output=True, text=True).stdout)
        recent = [row["app_id"] for row in found if row["recent"]]
        app = found[min(2, len(found) - 1)]["app_id"]
        ours = asked(release / "queries", lake, app)
        theirs = asked(interpreter, "-c", DUCKDB, lake, app, json.dumps(recent or [app]))
        tasks = next(r["rows"] for r in ours if r["asked"] == "tasks")
        files = sum(1 for _ in lake.rglob("*.parquet"))
        compare.write_part("Questions", [
            f"{len(found)} applications of {tasks:,} tasks each, {len(found) * tasks / 1e6:.1f} million in all, in "
            f"{files:,} Parquet files; {len(recent)} of them",
            "had an event within the last day. Written by `benches/queries.py LOG --copies "
            f"{len(found)}`. All cores, wall time.", "",
            "`SELECT * FROM view WHERE app_id = '...'`, planning included; `metrics` is every file of",
            "`sql/metrics` for the applications of the last day:", "", *table(ours), "",
            "DuckDB on the same files, with plain sums where the views follow Spark's listener:", "",
            *table(theirs)])
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
