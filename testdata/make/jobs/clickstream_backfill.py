"""Stage retry: one executor's JVM dies (SIGKILL) in the middle of the reduce stage;
its shuffle files are gone with it, so tasks end with FetchFailed and both the map
and the reduce stage get a second attempt."""
import os
import signal
import time

from pyspark.sql import SparkSession

spark = SparkSession.builder.appName("clickstream-backfill").getOrCreate()
sc = spark.sparkContext
crashed = os.path.abspath("CRASHED")


def parent(pid):
    with open(f"/proc/{pid}/stat") as f:
        return int(f.read().rpartition(")")[2].split()[1])


def executor_jvm():
    """The process above this Python worker that runs Java: worker, daemon, executor."""
    pid = os.getppid()
    while "java" not in os.readlink(f"/proc/{pid}/exe"):
        pid = parent(pid)
    return pid


def reduce_side(index, pairs):
    total = sum(v for _, v in pairs)
    if index == 1 and not os.path.exists(crashed):
        open(crashed, "x").close()
        os.kill(executor_jvm(), signal.SIGKILL)
        time.sleep(60)
    time.sleep(1)
    yield index, total


clicks = sc.parallelize(range(20_000), 4).map(lambda i: (i % 64, i)).groupByKey(6).mapValues(sum)
sc.setJobDescription("backfill before the crash")
clicks.count()
sc.setJobDescription("backfill with a crash")
print(clicks.mapPartitionsWithIndex(reduce_side).collect())
sc.setJobDescription("backfill after the crash")
clicks.count()
spark.stop()
