"""RDDs rather than SQL: a cached RDD with its block updates, job groups and tags,
accumulators with names, and an application name that is hard to print."""
from pyspark import StorageLevel
from pyspark.sql import SparkSession

NAME = 'O\'Brien\'s "inventory" \\ snapshot\n\t\u65e5\u672c\u8a9e \u2603 {job="x"} </script>'
spark = SparkSession.builder.appName(NAME).getOrCreate()
sc = spark.sparkContext

sc.setJobGroup("inventory-load", "load the 'shelf' counts,\nline by line")
sc.addJobTag("inventory")
lines = sc.parallelize([f"shelf-{i % 40},item-{i % 97},{i * 7919 % 50}" for i in range(8000)], 4)
items = lines.map(lambda l: l.split(",")).map(lambda p: (p[0], int(p[2])))
items.setName("shelf items").persist(StorageLevel.MEMORY_AND_DISK)
items.count()

sc.setJobGroup("inventory-report", "sum per shelf")
sums = items.reduceByKey(lambda a, b: a + b, 3)
sums.collect()
sums.sortByKey().collect()
sc.removeJobTag("inventory")

# Results over this job's maxDirectResultSize are fetched from the block manager.
sc.setLocalProperty("spark.job.description", "big results")
sc.parallelize(range(4), 4).map(lambda i: bytes(200_000)).collect()

sc.parallelize([], 2).count()
spark.stop()
