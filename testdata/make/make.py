#!/usr/bin/env python3
"""Makes testdata/logs and testdata/expected again, with real Sparks from PyPI.

usage: make.py [NAME ...]      all logs, or those named (see LOGS below)
       make.py --runs          testdata/runs, one application again and again
       make.py --expected      only ask the History Server again

Needs Java 17, Python 3.9 to 3.11, `zstd`, and 1.5 GB of disk. Works in
/tmp/stagelight-testdata (STAGELIGHT_SCRATCH); makes venv35 and venv40 there, or takes
those that STAGELIGHT_VENV35 and STAGELIGHT_VENV40 name. The logs differ from run to run in
ids, times and whatever follows from timing; README.md tells what stays.
"""
import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import history_oracle

HERE = pathlib.Path(__file__).resolve().parent
TESTDATA = HERE.parent
SCRATCH = pathlib.Path(os.environ.get("STAGELIGHT_SCRATCH", "/tmp/stagelight-testdata"))
VERSIONS = {"35": "3.5.9", "40": "4.0.1"}
PORT = 18480


@dataclasses.dataclass
class Log:
    """One log: a job, the Spark that runs it, and how that Spark is set."""
    spark: str
    job: str
    args: tuple = ()
    master: str = "local[2]"
    conf: dict = dataclasses.field(default_factory=dict)
    exit: int = 0
    ending: str = "stop"  # or "copy" (while it runs), or "kill" (SIGKILL to the driver)
    memory: str = "1g"


AQE = {
    "spark.sql.shuffle.partitions": 8,
    "spark.sql.adaptive.advisoryPartitionSizeInBytes": "512k",
    "spark.sql.adaptive.coalescePartitions.minPartitionSize": "64k",
    "spark.sql.adaptive.skewJoin.skewedPartitionFactor": 2,
    "spark.sql.adaptive.skewJoin.skewedPartitionThresholdInBytes": "256k",
}
PLAIN = {"spark.eventLog.compress": "false"}
CODEC = "spark.eventLog.compression.codec"

LOGS = {
    "orders-aqe-40": Log("40", "orders_daily.py", conf=AQE),
    "billing-plain-35": Log("35", "billing_monthly.py", conf={
        **PLAIN, "spark.sql.shuffle.partitions": 2, "spark.eventLog.rolling.enabled": "true"}),
    "inventory-single-35": Log("35", "inventory_snapshot.py", conf={
        "spark.eventLog.compress": "true", CODEC: "zstd", "spark.eventLog.rolling.enabled": "false",
        "spark.eventLog.logBlockUpdates.enabled": "true", "spark.task.maxDirectResultSize": "100k"}),
    "spill-40": Log("40", "sessions_sort.py", memory="512m", conf={
        "spark.memory.fraction": "0.1", "spark.shuffle.spill.numElementsForceSpillThreshold": 50000,
        "spark.sql.objectHashAggregate.sortBased.fallbackThreshold": 1000,
        "spark.sql.adaptive.enabled": "false", "spark.python.worker.memory": "1m"}),
    "failure-40": Log("40", "payments_reconcile.py", master="local[2,4]", exit=1, conf={CODEC: "lz4"}),
    "retry-40": Log("40", "clickstream_backfill.py", master="local-cluster[2,1,1024]"),
    "inprogress-35": Log("35", "clickstream_sessionize.py", ("60",), ending="copy", conf={
        **PLAIN, "spark.eventLog.rolling.enabled": "true"}),
    "killed-40": Log("40", "clickstream_sessionize.py", ("300",), ending="kill"),
    "rolled-40": Log("40", "catalog_reindex.py", conf={"spark.eventLog.rolling.maxFileSize": "10m"}),
    "streaming-40": Log("40", "clickstream_live.py", conf={
        CODEC: "lzf", "spark.sql.shuffle.partitions": 2,
        "spark.eventLog.includeTaskMetricsAccumulators": "false"}),
    "executors-40": Log("40", "features_export.py", master="local-cluster[2,1,1024]", conf={
        CODEC: "snappy", "spark.eventLog.logStageExecutorMetrics": "true",
        "spark.executor.metrics.pollingInterval": "200ms"}),
}


# One application, day after day: lines, and seconds that each task of its first stage waits. The
# last three are slow, slow with eight times the lines, and as ever.
NIGHTS = [(20000, 0.2), (21000, 0.3), (20000, 0.2, "check"), (19000, 0.1), (20000, 0.2, "fail"),
          (20000, 0.3), (20000, 0.2), (20000, 20), (160000, 20), (20000, 0.2)]
RUNS = {f"totals-{day:02}": Log("40", "nightly_totals.py", (f"2026-11-{day:02}", *map(str, night)),
                                exit=int("fail" in night), conf={
        "spark.eventLog.includeTaskMetricsAccumulators": "false"})
        for day, night in enumerate(NIGHTS, 1)}


def venv(spark):
    """The virtual environment with this Spark, made where there is none."""
    path = pathlib.Path(os.environ.get(f"STAGELIGHT_VENV{spark}", SCRATCH / f"venv{spark}"))
    if not (path / "bin/spark-submit").exists():
        subprocess.run([sys.executable, "-m", "venv", path], check=True)
        subprocess.run([path / "bin/pip", "install", "-q", f"pyspark=={VERSIONS[spark]}"], check=True)
    return path


def environment(spark):
    """A clean environment: nothing of this machine or its user gets into a log."""
    path = venv(spark)
    home = next(path.glob("lib/python*/site-packages/pyspark"))
    return {
        "PATH": f"{path}/bin:/usr/bin:/bin", "HOME": str(SCRATCH / "home"), "LANG": "C.UTF-8", "TZ": "UTC",
        "USER": "spark", "SPARK_USER": "spark", "HADOOP_USER_NAME": "spark", "SPARK_HOME": str(home),
        "PYSPARK_PYTHON": str(path / "bin/python"), "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_HOSTNAME": "localhost", "SPARK_LOCAL_DIRS": str(SCRATCH / "local"),
        "JDK_JAVA_OPTIONS": "-Duser.name=spark -Duser.home=/home/spark -Dos.version=6.1.0",
        **({"JAVA_HOME": os.environ["JAVA_HOME"]} if "JAVA_HOME" in os.environ else {}),
    }


def end(process):
    """Ends a job and what it started, which has a process group of its own."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def copy(events, to):
    """Copies Spark's event log, without Hadoop's checksum files; permissions as git keeps them."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(events, to, ignore=shutil.ignore_patterns(".*.crc"), copy_function=shutil.copyfile)
    for path in [to, *to.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def ends_in_a_line(logs):
    """Whether the newest segment stops in the middle of a line, as a log that is written to does."""
    newest = max(logs.rglob("events_*"), key=lambda p: p.name)
    return not newest.read_bytes().endswith(b"\n")


def run(name, log, to):
    """Runs a job to the end it is to have and copies its log to a folder."""
    events, cwd = SCRATCH / "events" / name, SCRATCH / "run"
    for path in (events, cwd, SCRATCH / "home", SCRATCH / "local"):
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
    shutil.copytree(HERE / "jobs", SCRATCH / "jobs", dirs_exist_ok=True)
    conf = {
        "spark.eventLog.enabled": "true", "spark.eventLog.dir": f"file://{events}",
        "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": 4, **log.conf,
    }
    command = [venv(log.spark) / "bin/spark-submit", "--master", log.master, "--driver-memory", log.memory]
    command += [part for key, value in conf.items() for part in ("--conf", f"{key}={value}")]
    command += [SCRATCH / "jobs" / log.job, *log.args]
    with open(SCRATCH / f"{name}.out", "wb") as out:
        process = subprocess.Popen(command, cwd=cwd, env=environment(log.spark), stdout=out,
                                   stderr=subprocess.STDOUT, start_new_session=True)
        try:
            if log.ending == "stop":
                code = process.wait(timeout=600)
                assert code == log.exit, f"{name} ended with {code}: see {out.name}"
                copy(events, to)
                return
            while not (cwd / "READY").exists():
                assert process.poll() is None, f"{name} ended early: see {out.name}"
                time.sleep(0.05)
            if log.ending == "kill":
                process.kill()
                process.wait()
            copy(events, to)
            while log.ending == "copy" and not ends_in_a_line(to):
                time.sleep(0.2)
                copy(events, to)
        finally:
            end(process)


@contextlib.contextmanager
def history_server(logs, memory="1g", prefix=()):
    """A real History Server over a folder of logs, with its limits raised: its address and its
    process group. `prefix` is put before its command."""
    limits = ["spark.ui.retainedTasks", "spark.ui.retainedStages", "spark.ui.retainedJobs",
              "spark.sql.ui.retainedExecutions", "spark.ui.retainedDeadExecutors"]
    opts = [f"-Dspark.history.fs.logDirectory=file://{logs}", f"-Dspark.history.ui.port={PORT}",
            *(f"-D{limit}=1000000" for limit in limits)]
    env = {**environment("40"), "SPARK_HISTORY_OPTS": " ".join(opts), "SPARK_DAEMON_MEMORY": memory}
    command = [*prefix, venv("40") / "bin/spark-class", "org.apache.spark.deploy.history.HistoryServer"]
    with open(SCRATCH / "history.out", "wb") as out:
        server = subprocess.Popen(command, cwd=SCRATCH, env=env, stdout=out, stderr=subprocess.STDOUT,
                                  start_new_session=True)
        try:
            yield f"http://127.0.0.1:{PORT}", server.pid
        finally:
            end(server)


def listed(base, apps):
    """The attempts that the History Server lists, once it has all the apps or two minutes are over."""
    attempts = {}
    for _ in range(120):
        time.sleep(1)
        with contextlib.suppress(OSError):
            attempts = dict(history_oracle.attempts(base))
        if attempts.keys() == apps:
            break
    return attempts


def ask(folder):
    """Asks a real History Server about every log in folder/logs and writes folder/expected. Gives
    what belongs together: of a log that the History Server does not list, the oracle is None."""
    logs, answers = SCRATCH / "history", folder / "expected"
    shutil.rmtree(logs, ignore_errors=True)
    shutil.rmtree(answers, ignore_errors=True)
    answers.mkdir()
    found = {}
    for log in sorted(folder.glob("logs/*/*")):
        app = log.name.removeprefix("eventlog_v2_").split(".")[0]
        assert app not in found, f"{app} twice: the History Server would mix them"
        found[app] = log
        shutil.copytree(log.parent, logs, dirs_exist_ok=True)
    index = []
    with history_server(logs) as (base, _):
        attempts = listed(base, found.keys())
        for app, log in sorted(found.items(), key=lambda pair: pair[1]):
            name, oracle = log.parent.name, None
            if app in attempts:
                text = json.dumps(history_oracle.answers(base, app, attempts[app]), ensure_ascii=False,
                                  sort_keys=True, separators=(",", ":"))
                oracle = f"expected/{name}.json.zst"
                subprocess.run(["zstd", "-q", "-19", "-o", folder / oracle], input=text.encode(), check=True)
            index.append({"log": f"logs/{name}/{log.name}", "app": app, "attempt": attempts.get(app),
                          "oracle": oracle})
    return index


def write_index(index, path):
    path.write_text(json.dumps(index, indent=1) + "\n")


def expected():
    """Writes testdata/expected, with answers for every log."""
    index = ask(TESTDATA)
    missing = [entry["app"] for entry in index if entry["oracle"] is None]
    if missing:
        raise SystemExit(f"not found by the History Server: {missing}")
    write_index(index, TESTDATA / "expected/index.json")


def main():
    names = sys.argv[1:]
    if names == ["--runs"]:
        for name, log in RUNS.items():
            run(name, log, TESTDATA / "runs" / name)
        return
    if names != ["--expected"]:
        for name in names or LOGS:
            start = time.time()
            run(name, LOGS[name], TESTDATA / "logs" / name)
            print(f"{name}: {time.time() - start:.0f} s", flush=True)
    expected()


if __name__ == "__main__":
    main()
