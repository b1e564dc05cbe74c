#!/usr/bin/env python3
"""Makes logs of random Spark applications, and asks a real History Server about each.

usage: generate.py OUTDIR --seeds 1-30 [--spark 35,40]

A seed chooses Spark, cluster, settings, steps and end of an application (jobs/random_mix.py).
It gives OUTDIR/logs/seed-N; all of them together OUTDIR/expected/seed-N.json.zst and
OUTDIR/index.json, which is as testdata/expected/index.json but for its paths, which are relative
to OUTDIR. A log that the History Server does not list has no oracle (null). A seed of which the
log is there is not run again. With another --spark the same seed is another application.

    STAGELIGHT_CORPUS=OUTDIR cargo test --test conformance corpus -- --nocapture

then compares. What is needed and where it works is as for make.py, which shares the code; a
cluster of two hosts also needs 127.0.0.2, which Linux has.
"""
import argparse
import contextlib
import pathlib
import random
import subprocess
import sys
import time

import make

LOCAL = ["local[1]", "local[2]", "local[4]", "local[2,4]", "local[3,2]", "local[4,4]"]
CLUSTER = "local-cluster[2,1,1024]"
# A copy of a slow task is started on another host only, and local-cluster has one.
TWO_HOSTS = "spark://127.0.0.1:18477"

# What random_mix.py knows of, and the exit code that follows. (Java tells a SIGKILL as 137.)
ENDINGS = {"stop": 0, "leave": 0, "amid": 0, "raise": 1, "exit": 3, "abort": 137, "kill": None}

NAMES = ["random mix", "O'Brien's \"mix\" \\ 100 %\n\t\u65e5\u672c\u8a9e \u2603 {job=\"x\"} </script>"]

ALWAYS = {
    # Else a barrier stage that has too few executors is tried for ten minutes.
    "spark.scheduler.barrier.maxConcurrentTasksCheck.interval": "1s",
    "spark.scheduler.barrier.maxConcurrentTasksCheck.maxFailures": 2,
}

# Settings, and how often.
SOMETIMES = [
    (0.3, {"spark.eventLog.logBlockUpdates.enabled": "true"}),
    (0.4, {"spark.eventLog.logStageExecutorMetrics": "true"}),
    (0.3, {"spark.executor.metrics.pollingInterval": "100ms"}),
    (0.2, {"spark.executor.processTreeMetrics.enabled": "true"}),
    (0.3, {"spark.executor.heartbeatInterval": "1s"}),
    (0.2, {"spark.eventLog.includeTaskMetricsAccumulators": "false"}),
    (0.1, {"spark.eventLog.longForm.enabled": "true"}),
    (0.3, {"spark.sql.adaptive.enabled": "false"}),
    (0.2, {"spark.sql.codegen.wholeStage": "false"}),
    (0.2, {"spark.sql.ui.explainMode": "extended"}),
    (0.3, {"spark.scheduler.mode": "FAIR"}),
    (0.4, {"spark.task.maxDirectResultSize": "100k"}),
    (0.1, {"spark.driver.maxResultSize": "1m"}),
    (0.2, {"spark.memory.offHeap.enabled": "true", "spark.memory.offHeap.size": "64m"}),
    (0.3, {"spark.shuffle.spill.numElementsForceSpillThreshold": 1_000, "spark.python.worker.memory": "1m",
           "spark.sql.objectHashAggregate.sortBased.fallbackThreshold": 10}),
    (0.2, {"spark.stage.maxConsecutiveAttempts": 2}),
]

# Settings of what only a cluster does.
SOMETIMES_CLUSTER = [
    (0.3, {"spark.task.maxFailures": 2}),
    (0.3, {"spark.excludeOnFailure.enabled": "true", "spark.excludeOnFailure.timeout": "4s",
           "spark.scheduler.excludeOnFailure.unschedulableTaskSetTimeout": "2s",
           "spark.excludeOnFailure.task.maxTaskAttemptsPerExecutor": 1,
           "spark.excludeOnFailure.stage.maxFailedTasksPerExecutor": 1,
           "spark.excludeOnFailure.application.maxFailedTasksPerExecutor": 1}),
    (0.2, {"spark.dynamicAllocation.enabled": "true", "spark.dynamicAllocation.shuffleTracking.enabled": "true",
           "spark.dynamicAllocation.minExecutors": 1, "spark.dynamicAllocation.maxExecutors": 2,
           "spark.dynamicAllocation.executorIdleTimeout": "1s",
           "spark.dynamicAllocation.shuffleTracking.timeout": "2s"}),
]

SPECULATION = {
    "spark.speculation": "true", "spark.speculation.interval": "100ms", "spark.speculation.multiplier": "1.1",
    "spark.speculation.quantile": "0.3", "spark.speculation.minTaskRuntime": "100ms",
}


def choose(seed, versions):
    """The application of a seed."""
    rng = random.Random(seed)
    spark = rng.choice(versions)
    master = rng.choice(LOCAL + [CLUSTER, TWO_HOSTS] * 2)
    ending = rng.choice(["stop"] * 6 + list(ENDINGS))
    codec = rng.choice(["none", "zstd", "lz4", "snappy", "lzf"])
    rolling = rng.random() < 0.6
    conf = {
        **ALWAYS, "spark.app.name": rng.choice(NAMES), "spark.sql.shuffle.partitions": rng.randint(1, 6),
        "spark.eventLog.compress": str(codec != "none").lower(),
        "spark.eventLog.rolling.enabled": str(rolling).lower(),
    }
    if codec != "none":
        conf[make.CODEC] = codec
    if rolling and rng.random() < 0.4:
        conf["spark.eventLog.rolling.maxFileSize"] = "10m"
    for often, settings in SOMETIMES + (SOMETIMES_CLUSTER if master in (CLUSTER, TWO_HOSTS) else []):
        if rng.random() < often:
            conf.update(settings)
    if master == TWO_HOSTS or (master == CLUSTER and rng.random() < 0.3):
        conf.update(SPECULATION)
    return make.Log(spark, "random_mix.py", (str(seed), ending), master, conf, ENDINGS[ending],
                    ending="kill" if ending == "kill" else "stop")


@contextlib.contextmanager
def two_hosts(spark):
    """A standalone cluster with an executor of two cores on each of two addresses."""
    port = TWO_HOSTS.rpartition(":")[2]
    daemons = [["master.Master", "--host", "127.0.0.1", "--port", port]]
    daemons += [["worker.Worker", "--host", host, "--cores", "2", "--memory", "1g",
                 "--work-dir", make.SCRATCH / "work", TWO_HOSTS] for host in ("127.0.0.1", "127.0.0.2")]
    running = []
    with open(make.SCRATCH / "cluster.out", "wb") as out:
        try:
            for name, *args in daemons:
                command = [make.venv(spark) / "bin/spark-class", f"org.apache.spark.deploy.{name}", *args]
                running.append(subprocess.Popen([*command, "--webui-port", "0"], env=make.environment(spark),
                                                stdout=out, stderr=subprocess.STDOUT, start_new_session=True))
            time.sleep(5)
            yield
        finally:
            for daemon in running:
                make.end(daemon)


def seeds(text):
    """`1-3,7` is 1, 2, 3, 7."""
    ranges = [part.partition("-") for part in text.split(",")]
    return [seed for first, _, last in ranges for seed in range(int(first), int(last or first) + 1)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("outdir", type=pathlib.Path)
    parser.add_argument("--seeds", type=seeds, required=True, help="such as 1-30 or 1,5,7-9")
    parser.add_argument("--spark", default="35,40", help="which versions to choose from")
    args = parser.parse_args()
    outdir, failed = args.outdir.resolve(), []
    for seed in args.seeds:
        name, to = f"seed-{seed}", outdir / "logs" / f"seed-{seed}"
        if to.exists():
            continue
        log, start = choose(seed, args.spark.split(",")), time.time()
        try:
            with two_hosts(log.spark) if log.master == TWO_HOSTS else contextlib.nullcontext():
                make.run(name, log, to)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            failed.append(f"{name}: {error}")
        print(f"{name}: {log.spark}, {log.master}, {log.args[1]}, {time.time() - start:.0f} s", flush=True)
    make.write_index(make.ask(outdir), outdir / "index.json")
    if failed:
        sys.exit("\n".join(["no log of:", *failed]))


if __name__ == "__main__":
    main()
