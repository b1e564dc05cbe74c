"""Spill: sorts, an aggregate and a window with next to no execution memory, over a
key that holds most of the rows, so one task of the stage is far slower."""
from pyspark.sql import SparkSession, functions as F, Window

spark = SparkSession.builder.appName("sessions-sort").getOrCreate()

events = spark.range(0, 600_000, 1, 4).select(
    F.when(F.col("id") % 10 < 8, 1).otherwise(F.pmod(F.hash("id"), F.lit(400))).alias("user_id"),
    F.pmod(F.hash("id", F.lit(3)), F.lit(86_400)).alias("second"),
    F.sha2(F.col("id").cast("string"), 256).alias("url"))

spark.sparkContext.setJobDescription("sort all events")
events.orderBy("url").write.format("noop").mode("overwrite").save()

spark.sparkContext.setJobDescription("time since the previous event (window over a skewed key)")
before = F.lag("second").over(Window.partitionBy("user_id").orderBy("second"))
events.withColumn("gap", F.col("second") - before).groupBy("user_id").agg(
    F.avg("gap"), F.max("url")).write.format("noop").mode("overwrite").save()

spark.sparkContext.setJobDescription("urls per event (aggregate falls back to sort)")
events.groupBy("url").agg(F.collect_list("second")).write.format("noop").mode("overwrite").save()

# Python workers count their own spill.
spark.sparkContext.setJobDescription("sort in Python")
pairs = spark.sparkContext.parallelize(range(40_000), 2).map(lambda i: (i * 7919 % 40_000, "x" * 100))
pairs.groupByKey(2).mapValues(len).count()
spark.stop()
