"""Executors: two of them, one removed on request, with the peak metrics of executors
and stages, and a second resource profile."""
import time

from pyspark.resource import ResourceProfileBuilder, TaskResourceRequests
from pyspark.sql import SparkSession, functions as F

spark = SparkSession.builder.appName("features-export").getOrCreate()
sc = spark.sparkContext
status = sc._jsc.sc().statusTracker()


def executors():
    return len(status.getExecutorInfos()) - 1


def wait_for(n):
    while executors() != n:
        time.sleep(0.1)


wait_for(2)
sc.setJobDescription("features with two executors")
spark.range(0, 200_000, 1, 4).groupBy((F.col("id") % 50).alias("k")).agg(F.sum("id")).collect()
sc.setJobDescription("under a resource profile of its own")
profile = ResourceProfileBuilder().require(TaskResourceRequests().cpus(1)).build
sc.parallelize(range(4), 4).withResources(profile).map(lambda i: i).count()

sc._jsc.sc().killExecutor("0")
wait_for(1)
sc.setJobDescription("features with one executor")
spark.range(0, 100_000, 1, 2).groupBy((F.col("id") % 50).alias("k")).agg(F.sum("id")).collect()
spark.stop()
