"""What the steps share."""
import contextlib
import itertools
import os
import threading
import time

from pyspark.sql import SparkSession, functions as F

# What is hard to print, quote, cut or escape.
UGLY = [
    "O'Brien's \"shelf\" \\ 'counts',\n\tline by line\r\n",
    "\u65e5\u672c\u8a9e \u2603 \U0001f600 \u2028 e\u0301 \u00ad\u202e",
    "<a href=\"/jobs/?id=1&amp;x=2\">a job</a> <b>bold</b> <script>alert('1')</script>",
    "{\"Event\":\"SparkListenerTaskEnd\",\"Stage ID\":1}",
    "\x00 \x07 \x1b[31m \x7f", "${spark.master} %s {} $1 -- ; DROP TABLE", " ", "", "x" * 3000,
]

spark = SparkSession.builder.getOrCreate()
sc = spark.sparkContext
numbers = itertools.count(1)


def new_name(name):
    """A name that nothing else in this application has."""
    return f"{name}_{next(numbers)}"


def new_path(name):
    """A path that nothing else in this application has."""
    return os.path.abspath(new_name(name))


def first(path):
    """Whether this is the first task to ask so: it is the one that makes the file."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
        return True
    except FileExistsError:
        return False


@contextlib.contextmanager
def settings(**values):
    """SQL settings for a while; `__` stands for a dot."""
    values = {f"spark.sql.{name.replace('__', '.')}": value for name, value in values.items()}
    before = {name: spark.conf.get(name, None) for name in values}
    for name, value in values.items():
        spark.conf.set(name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            spark.conf.set(name, value) if value else spark.conf.unset(name)


def make_views(rng):
    """The views `facts`, some of whose rows have the same key, and `dims`; they may be empty."""
    keys = rng.choice([3, 50, 700])
    spark.range(0, rng.choice([0, 100, 4_000, 4_000, 20_000]), 1, rng.randint(1, 6)).select(
        "id", (F.col("id") % 3).alias("part"),
        F.when(F.col("id") % 10 < rng.randint(0, 8), 0).otherwise(
            F.pmod(F.hash("id"), F.lit(keys))).alias("key"),
        (F.pmod(F.hash("id", F.lit(7)), F.lit(10_000)) / 100).alias("amount"),
        F.timestamp_seconds(F.col("id") * 60).alias("at"),
        F.sha2(F.col("id").cast("string"), 256).alias("note")).createOrReplaceTempView("facts")
    spark.range(0, rng.choice([0, keys, 1_000]), 1, 2).select(
        F.col("id").cast("int").alias("key"), (F.col("id") % 90).alias("floor"),
        F.concat(F.lit("name "), F.col("id")).alias("name")).createOrReplaceTempView("dims")
    return spark.table("facts")


ACTIONS = [
    lambda df: df.collect(), lambda df: df.count(), lambda df: df.show(3), lambda df: df.take(5),
    lambda df: df.write.format("noop").mode("overwrite").save(), lambda df: df.isEmpty(),
    lambda df: list(itertools.islice(df.toLocalIterator(), 10)), lambda df: df.rdd.count(),
    lambda df: df.foreachPartition(lambda rows: None), lambda df: df.localCheckpoint().count(),
]


def act(rng, df):
    rng.choice(ACTIONS)(df)


def pairs(rng, rows=2_000):
    """Pairs of key and number, with a shuffle to come."""
    keys = rng.choice([1, 20, 300])
    return sc.parallelize(range(rows), rng.randint(1, 5)).map(lambda i: (i % keys, i))


def once_running(group, then):
    """Calls `then` with the id of a stage, as soon as a task of the job group runs."""
    def watch():
        status = sc.statusTracker()
        for _ in range(600):
            jobs = [status.getJobInfo(job) for job in status.getJobIdsForGroup(group)]
            for stage in [stage for job in jobs if job for stage in job.stageIds]:
                info = status.getStageInfo(stage)
                if info and info.numActiveTasks:
                    return then(stage)
            time.sleep(0.05)
    threading.Thread(target=watch, daemon=True).start()


def drowsy(seconds):
    """A function of a row that takes its time."""
    def sleep(i):
        time.sleep(seconds)
        return i
    return sleep
