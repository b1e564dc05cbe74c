"""SQL with adaptive execution: sort-merge, skew and broadcast joins, coalesced
shuffle partitions, a cached table, an empty result, and jobs that skip stages."""
from pyspark.sql import SparkSession, functions as F

spark = SparkSession.builder.appName("orders-daily").getOrCreate()

orders = spark.range(0, 60_000, 1, 4).select(
    F.col("id").alias("order_id"),
    # Seven orders of ten belong to customer 0: the skewed key.
    F.when(F.col("id") % 10 < 7, 0).otherwise(F.pmod(F.hash("id"), F.lit(500))).alias("customer_id"),
    F.date_add(F.lit("2026-01-01"), (F.col("id") % 30).cast("int")).alias("day"),
    (F.pmod(F.hash("id", F.lit(7)), F.lit(10000)) / 100).alias("amount"),
    F.repeat(F.sha2(F.col("id").cast("string"), 256), 2).alias("note"))
customers = spark.range(0, 500, 1, 2).select(
    F.col("id").cast("int").alias("customer_id"),
    F.concat(F.lit("customer "), F.col("id")).alias("name"),
    (F.col("id") % 5).alias("region_id"))

orders.write.mode("overwrite").parquet("data/orders")
customers.write.mode("overwrite").parquet("data/customers")
spark.read.parquet("data/orders").createOrReplaceTempView("orders")
spark.read.parquet("data/customers").createOrReplaceTempView("customers")
spark.createDataFrame([(i, r) for i, r in enumerate(["north", "south", "east", "west", "other"])],
                      "region_id int, region string").createOrReplaceTempView("regions")

spark.sparkContext.setJobDescription("revenue per day")
spark.sql("SELECT day, count(*) n, sum(amount) revenue FROM orders GROUP BY day ORDER BY day").collect()

# Too big to broadcast as told below, so a sort-merge join, whose skewed partition AQE splits.
spark.sparkContext.setJobDescription("orders with customers (skew join)")
spark.conf.set("spark.sql.autoBroadcastJoinThreshold", "-1")
spark.conf.set("spark.sql.adaptive.autoBroadcastJoinThreshold", "-1")
joined = spark.sql("SELECT o.*, c.name, c.region_id FROM orders o JOIN customers c USING (customer_id)")
joined.write.mode("overwrite").parquet("data/joined")
spark.conf.unset("spark.sql.autoBroadcastJoinThreshold")
spark.conf.unset("spark.sql.adaptive.autoBroadcastJoinThreshold")

spark.sparkContext.setJobDescription("revenue per region (broadcast join)")
spark.read.parquet("data/joined").createOrReplaceTempView("joined")
spark.sql("""SELECT region, count(DISTINCT customer_id) customers, sum(amount) revenue
             FROM joined JOIN regions USING (region_id) GROUP BY region""").show()

spark.sparkContext.setJobDescription("best customers (cached)")
best = spark.sql("""SELECT * FROM (SELECT customer_id, sum(amount) revenue,
                    rank() OVER (ORDER BY sum(amount) DESC) place FROM orders GROUP BY customer_id)
                    WHERE place <= 20""").cache()
best.count()
best.orderBy("place").collect()

spark.sparkContext.setJobDescription("nothing found")
spark.sql("SELECT * FROM orders WHERE day > '2027-01-01'").collect()

# The second action finds its shuffle files in place and skips that stage.
spark.sparkContext.setJobDescription("histogram, twice")
hist = best.rdd.map(lambda r: (int(r.revenue) // 1000, 1)).reduceByKey(lambda a, b: a + b, 2)
hist.count()
hist.collect()
spark.stop()
