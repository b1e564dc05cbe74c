"""A short SQL job of few tasks, small enough for an uncompressed log: a join and an
aggregate under adaptive execution, and a report from what they wrote."""
from pyspark.sql import SparkSession, functions as F

spark = SparkSession.builder.appName("billing-monthly").getOrCreate()

usage = spark.range(0, 4_000, 1, 2).select(
    (F.col("id") % 37).alias("account_id"), (F.col("id") % 11).alias("hours"))
accounts = spark.range(0, 37).select(
    F.col("id").alias("account_id"), F.concat(F.lit("account "), F.col("id")).alias("name"))

spark.sparkContext.setJobDescription("bill every account")
bills = usage.join(accounts, "account_id").groupBy("name").agg(F.sum("hours").alias("hours"))
bills.write.mode("overwrite").parquet("data/bills")

spark.sparkContext.setJobDescription("the ten largest bills")
spark.read.parquet("data/bills").orderBy(F.desc("hours")).limit(10).collect()
spark.stop()
