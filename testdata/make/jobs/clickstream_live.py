"""Structured streaming: a stateful count over the rate-micro-batch source (its rows
are the same every time) into a memory sink, four micro-batches or more."""
import time

from pyspark.sql import SparkSession, functions as F

spark = SparkSession.builder.appName("clickstream-live").getOrCreate()
clicks = spark.readStream.format("rate-micro-batch").options(rowsPerBatch=1000, numPartitions=2).load()
counts = clicks.groupBy((F.col("value") % 10).alias("page")).count()
query = (counts.writeStream.queryName("page_counts").format("memory").outputMode("complete")
         .trigger(processingTime="1 second").option("checkpointLocation", "data/checkpoint").start())
while not (query.lastProgress and query.lastProgress["batchId"] >= 3):
    time.sleep(0.2)
query.stop()
spark.table("page_counts").orderBy("page").show()
spark.stop()
