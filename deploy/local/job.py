"""The Spark application of `run.py`, for spark-submit: what happens in production, within a minute.

Stages of many small tasks, whose events make the log roll; a stage with skew, one that sorts more
than its memory holds, one with a task that is tried again, and at last a job that fails.
"""

import sys

from pyspark import TaskContext
from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F

CUSTOMERS = 20_000
ROWS_PER_TASK = 1_000
ROWS_TO_SORT = 1_000_000


def main(rounds, tasks):
    spark = SparkSession.builder.getOrCreate()
    for _ in range(rounds):
        keep(dearest(orders(spark, tasks), tasks))
    sort(spark)
    retry(spark)
    try:
        fail(spark)
    except Exception:
        # As spark-submit does on Kubernetes: the log says how the application ended.
        spark.sparkContext._jsc.sc().stop(1)
        raise


def orders(spark, tasks):
    customer = F.pmod(F.hash("id"), F.lit(CUSTOMERS))
    # Every fourth order is of the same customer: whoever has that one has more to do.
    customer = F.when(F.col("id") % 4 == 0, F.lit(7)).otherwise(customer)
    ids = spark.range(0, tasks * ROWS_PER_TASK, numPartitions=tasks)
    return ids.select(customer.alias("customer"), (F.rand(7) * 100).alias("price"))


def dearest(orders, tasks):
    """What the three dearest orders of each customer make of all that it has paid."""
    by_customer = Window.partitionBy("customer")
    ranked = orders.repartition(tasks, "customer").select(
        "*",
        F.row_number().over(by_customer.orderBy(F.desc("price"))).alias("rank"),
        F.sum("price").over(by_customer).alias("paid"),
    )
    dearest = ranked.where("rank <= 3").groupBy("customer")
    return dearest.agg((F.sum("price") / F.first("paid")).alias("share"))


def sort(spark):
    rows = spark.range(0, ROWS_TO_SORT, numPartitions=4)
    wide = rows.select(F.rand(11).alias("key"), F.repeat(F.hex("id"), 60).alias("text"))
    keep(wide.repartition(2).sortWithinPartitions("key"))


def keep(rows):
    rows.write.format("noop").mode("overwrite").save()


def retry(spark):
    def work(index, rows):
        if index == 3 and TaskContext.get().attemptNumber() == 0:
            raise OSError("connection reset: the second attempt will go well")
        yield sum(rows)

    spark.sparkContext.parallelize(range(100_000), 8).mapPartitionsWithIndex(work).collect()


def fail(spark):
    def work(index, rows):
        if index == 1:
            raise ValueError("a price is negative, and will be in every attempt")
        yield sum(rows)

    spark.sparkContext.parallelize(range(1_000), 4).mapPartitionsWithIndex(work).collect()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
