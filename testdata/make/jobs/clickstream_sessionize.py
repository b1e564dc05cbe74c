"""A job with many small tasks which says (by a file READY in its folder) when it is
well on its way, and then goes on for as long as it is let: for the logs of an
application that is still running, and of one that is killed.

usage: clickstream_sessionize.py TASKS
"""
import pathlib
import sys
import threading
import time

from pyspark.sql import SparkSession, functions as F

spark = SparkSession.builder.appName("clickstream-sessionize").getOrCreate()
sc = spark.sparkContext
tasks = int(sys.argv[1])

clicks = spark.range(0, 20_000, 1, 2).select((F.col("id") % 100).alias("user"), "id")
sc.setJobDescription("clicks per user")
clicks.groupBy("user").count().collect()


def watch():
    status = sc.statusTracker()
    while not any(s.numCompletedTasks >= tasks for s in map(
            status.getStageInfo, status.getActiveStageIds()) if s):
        time.sleep(0.05)
    pathlib.Path("READY").touch()


threading.Thread(target=watch, daemon=True).start()
sc.setJobDescription("sessions, bucket by bucket")
sc.parallelize(range(100_000), 100_000).map(lambda i: time.sleep(0.02)).count()
