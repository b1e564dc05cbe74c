"""Failures: a task that succeeds at its second attempt, a failed SQL execution, a
cancelled job group with killed tasks, and at last a user exception in all four
attempts of a task, which ends the driver with an exit code other than 0."""
import threading
import time

from pyspark import TaskContext
from pyspark.sql import SparkSession, functions as F

spark = SparkSession.builder.appName("payments-reconcile").getOrCreate()
sc = spark.sparkContext


def flaky(i):
    if i == 5 and TaskContext.get().attemptNumber() == 0:
        raise IOError("ledger shard 5 did not answer")
    return i


sc.setJobDescription("flaky ledger: one task succeeds at its second attempt")
sc.parallelize(range(8), 8).map(flaky).count()

sc.setJobDescription("bad amount: a SQL execution fails")
amounts = spark.range(0, 100, 1, 4).select(
    F.when(F.col("id") == 77, F.raise_error("amount is negative")).otherwise(F.col("id")).alias("amount"))
try:
    amounts.write.format("noop").mode("overwrite").save()
except Exception as e:
    print("expected:", str(e).splitlines()[0])


def cancel_export():
    """Cancels the job group as soon as two tasks are done and two more run."""
    status = sc.statusTracker()
    while not any(s.numActiveTasks == 2 and s.numCompletedTasks == 2 for s in map(
            status.getStageInfo, status.getActiveStageIds()) if s):
        time.sleep(0.1)
    sc.cancelJobGroup("nightly-export")


sc.setJobGroup("nightly-export", "export to the bank", interruptOnCancel=True)
threading.Thread(target=cancel_export, daemon=True).start()
try:
    sc.parallelize(range(6), 6).map(lambda i: time.sleep(60 if i > 1 else 0)).count()
except Exception as e:
    print("expected:", str(e).splitlines()[0])


def reconcile(payment):
    key, amounts = payment
    if key == 3:
        raise ValueError(f"payment {key}: \"booked\" \u2260 'paid'\n\tdifference: {sum(amounts)}")
    time.sleep(0.5)
    return key, sum(amounts)


sc.setJobGroup("reconcile", "reconcile payments")
try:
    sc.parallelize(range(100), 2).map(lambda i: (i % 10, i)).groupByKey(5).map(reconcile).collect()
except Exception:
    # A Python driver that just dies leaves ExitCode 0 in its log; this one tells.
    sc._jsc.sc().stop(1)
    raise
