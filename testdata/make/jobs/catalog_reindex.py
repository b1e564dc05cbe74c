"""Three rolled segments. A segment is rolled at no less than 10 MiB of JSON, counted
before compression. This job gets there with few tasks: it hands a long generated query
along as a local property, which Spark repeats in every JobStart and StageSubmitted,
and which packs well."""
from pyspark.sql import SparkSession

spark = SparkSession.builder.appName("catalog-reindex").getOrCreate()
sc = spark.sparkContext

for batch in range(10):
    ids = ", ".join(str(i) for i in range(batch * 1_000, (batch + 1) * 1_000))
    sc.setJobDescription(f"reindex batch {batch}")
    sc.setLocalProperty("reindex.query", " UNION ALL ".join(
        [f"SELECT id, title FROM catalog WHERE id IN ({ids})"] * 70))
    spark.range(0, 1_000, 1, 8).repartition(4).count()
spark.stop()
