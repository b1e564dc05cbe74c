"""A random mix of cheap steps (see mix/), of the kinds that event logs tell apart.

usage: random_mix.py SEED ENDING

A step that raises does not end the mix. ENDING says how the application ends:
    stop    stops Spark
    leave   ends without having stopped Spark
    amid    stops Spark while jobs run
    raise   dies of an exception
    exit    stops Spark with an exit code
    abort   Python is killed while jobs run
    kill    says (by a file READY in its folder) that jobs run, and waits for its own SIGKILL
"""
import os
import pathlib
import random
import signal
import sys
import threading
import time

from pyspark import InheritableThread, cloudpickle
from pyspark.sql import functions as F

import mix
from mix import executors, jobs, sql, streams
from mix.shared import UGLY, drowsy, pairs, sc, spark

# The workers do not have these modules, so functions travel with their code.
cloudpickle.register_pickle_by_value(mix)


def label(rng):
    """Gives the jobs to come none, some or all of the properties that a job can have."""
    for name in ["spark.job.description", "spark.jobGroup.id", "spark.job.interruptOnCancel",
                 "spark.scheduler.pool", "mix.query"]:
        sc.setLocalProperty(name, None)
    sc.clearJobTags()
    if rng.random() < 0.3:
        sc.setJobGroup(rng.choice(UGLY), rng.choice(UGLY))
    if rng.random() < 0.4:
        sc.setJobDescription(rng.choice(UGLY))
    if rng.random() < 0.3:
        sc.setLocalProperty("spark.scheduler.pool", rng.choice(["default", "fast", UGLY[0], UGLY[1]]))
    if rng.random() < 0.3:
        sc.addJobTag("some tag")
        sc.addJobTag(UGLY[1])


def run(step, rng):
    """Runs a step and says what came of it."""
    label(rng)
    start, outcome = time.time(), "done"
    try:
        step(rng)
    except Exception as error:
        outcome = f"{type(error).__name__}: {str(error)[:200]!r}"
    print(f"step {step.__name__}: {time.time() - start:.1f} s, {outcome}", flush=True)


def side_by_side(rng):
    """Steps in threads, each with its own description, group and pool."""
    threads = [InheritableThread(target=run, args=(rng.choice(sql.STEPS + jobs.STEPS), random.Random(rng.random())))
               for _ in range(rng.randint(2, 3))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def long_properties(rng):
    """Job properties of 400 kB or more, so that a log is rolled, if at 10 MiB, after a few jobs."""
    copies = rng.choice([70, 140])
    for batch in range(9):
        ids = ", ".join(str(i) for i in range(batch * 1_000, (batch + 1) * 1_000))
        sc.setLocalProperty("mix.query", " UNION ALL ".join([f"SELECT * FROM t WHERE id IN ({ids})"] * copies))
        pairs(rng, 20).groupByKey(2).count()


def choose(rng):
    """The steps of this application."""
    steps = sql.STEPS + jobs.STEPS + [side_by_side] * 2 + streams.STEPS
    if not sc.master.startswith("local["):
        steps += executors.STEPS * 4
    chosen = rng.choices(steps, k=rng.choice([3, 4, 5, 6, 8, 12]))
    if sc.getConf().contains("spark.eventLog.rolling.maxFileSize"):
        chosen.insert(rng.randrange(len(chosen)), long_properties)
    return chosen


def start_endless_jobs(rng):
    """Starts jobs that go on for longer than the application does."""
    slow = drowsy(0.05)
    slow_column = F.udf(slow, "long")(F.col("id"))
    endless = rng.sample([
        lambda: sc.parallelize(range(20_000), 20_000).map(slow).count(),
        lambda: sc.parallelize(range(20_000), 4).map(lambda i: (slow(i), 1)).reduceByKey(max).count(),
        lambda: spark.range(0, 20_000, 1, 2_000).groupBy((slow_column % 7).alias("k")).count().collect(),
    ], k=rng.randint(1, 2))
    for job in endless:
        threading.Thread(target=job, daemon=True).start()
    time.sleep(rng.uniform(1, 4))


def main():
    seed, ending = int(sys.argv[1]), sys.argv[2]
    rng = random.Random(seed)
    for step in choose(rng):
        run(step, random.Random(rng.random()))
    label(rng)
    if ending in ("amid", "abort", "kill"):
        start_endless_jobs(rng)
    if ending in ("stop", "amid"):
        spark.stop()
    elif ending == "raise":
        jobs.fails_for_good(rng)
    elif ending == "exit":
        sc._jsc.sc().stop(3)
        sys.exit(3)
    elif ending == "abort":
        os.kill(os.getpid(), signal.SIGKILL)
    elif ending == "kill":
        pathlib.Path("READY").touch()
        time.sleep(600)


if __name__ == "__main__":
    main()
