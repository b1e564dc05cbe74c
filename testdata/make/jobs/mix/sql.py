"""Steps of SQL."""
import contextlib

from pyspark import StorageLevel
from pyspark.sql import Observation, functions as F

from mix.shared import UGLY, act, drowsy, make_views, new_name, new_path, once_running, sc, settings, spark

HINTS = ["BROADCAST(d)", "MERGE(d)", "SHUFFLE_HASH(d)", "SHUFFLE_REPLICATE_NL(d)"]
JOINS = ["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "LEFT SEMI JOIN", "LEFT ANTI JOIN"]
QUERIES = [
    "SELECT key, count(*) n, sum(amount), max(note) FROM facts GROUP BY key",
    "SELECT key, count(DISTINCT note), count(DISTINCT id), collect_list(id) FROM facts GROUP BY key",
    "SELECT key, part, avg(amount) FROM facts GROUP BY CUBE (key, part)",
    "SELECT percentile_approx(amount, array(0.5, 0.9)), approx_count_distinct(note) FROM facts",
    "SELECT * FROM (SELECT key, part, amount FROM facts) PIVOT (sum(amount) FOR part IN (0, 1, 2))",
    "SELECT session_window(at, '90 seconds'), part, count(*) FROM facts "
    "GROUP BY session_window(at, '90 seconds'), part",
    "SELECT /*+ {hint} */ f.* FROM facts f {join} dims d ON f.key = d.key",
    "SELECT /*+ {hint} */ f.key, count(*) FROM facts f {join} dims d "
    "ON f.key = d.key AND f.amount > d.floor GROUP BY f.key",
    "SELECT count(*) FROM facts f JOIN dims d ON f.amount < d.floor AND f.part = 1",
    "WITH t AS (SELECT key, sum(amount) s FROM facts GROUP BY key) "
    "SELECT a.key, b.s FROM t a JOIN t b ON a.key = b.key",
    "WITH t AS (SELECT key, sum(amount) s FROM facts GROUP BY key) SELECT * FROM t UNION ALL SELECT * FROM t",
    "SELECT * FROM facts WHERE amount > (SELECT avg(amount) FROM facts)",
    "SELECT (SELECT max(floor) FROM dims) m, (SELECT min(floor) FROM dims) n, key FROM facts",
    "SELECT * FROM facts f WHERE EXISTS (SELECT 1 FROM dims d WHERE d.key = f.key AND d.floor < f.amount)",
    "SELECT * FROM facts WHERE key NOT IN (SELECT key FROM dims)",
    "SELECT id, rank() OVER (PARTITION BY key ORDER BY amount) r, lag(id) OVER (PARTITION BY key ORDER BY id), "
    "sum(amount) OVER (PARTITION BY part ORDER BY id ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) FROM facts",
    "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY key ORDER BY amount DESC) n FROM facts) WHERE n <= 3",
    "SELECT key FROM facts INTERSECT SELECT key FROM dims",
    "SELECT key FROM facts EXCEPT SELECT key FROM dims",
    "SELECT key, word FROM facts LATERAL VIEW explode(split(note, 'a')) t AS word",
    "SELECT * FROM facts ORDER BY note LIMIT 20",
    "SELECT * FROM facts ORDER BY amount, id",
    "SELECT * FROM facts TABLESAMPLE (10 PERCENT) DISTRIBUTE BY key SORT BY id",
    "SELECT /*+ REBALANCE(key) */ * FROM facts",
    "SELECT /*+ COALESCE(1) */ * FROM facts LIMIT 7 OFFSET 3",
    "SELECT * FROM facts WHERE id < 0",
    "SELECT 1 one, 'it''s' text",
]


def query(rng):
    return spark.sql(rng.choice(QUERIES).format(hint=rng.choice(HINTS), join=rng.choice(JOINS)))


def queries(rng):
    make_views(rng)
    for _ in range(rng.randint(2, 5)):
        act(rng, query(rng))


def queries_told_how(rng):
    """Queries with code generation, adaptive execution or broadcast joins off."""
    make_views(rng)
    name = rng.choice(["codegen__wholeStage", "adaptive__enabled", "exchange__reuse", "ansi__enabled"])
    with settings(**{name: "false"}, autoBroadcastJoinThreshold="-1"):
        for _ in range(2):
            act(rng, query(rng))


def skew_join(rng):
    """A sort-merge join, the skewed partition of which adaptive execution splits."""
    with settings(autoBroadcastJoinThreshold="-1", adaptive__autoBroadcastJoinThreshold="-1",
                  adaptive__enabled="true", adaptive__advisoryPartitionSizeInBytes="256k",
                  adaptive__skewJoin__skewedPartitionFactor="2",
                  adaptive__skewJoin__skewedPartitionThresholdInBytes="128k"):
        skewed = spark.range(0, 40_000, 1, 4).select(
            F.when(F.col("id") % 10 < 8, 0).otherwise(F.pmod(F.hash("id"), F.lit(500))).alias("key"),
            F.sha2(F.col("id").cast("string"), 256).alias("note"))
        few = spark.range(500).select(F.col("id").cast("int").alias("key"), (F.col("id") % 5).alias("region"))
        skewed.join(few, "key").write.format("noop").mode("overwrite").save()


def commands(rng):
    make_views(rng)
    name = new_name("t")
    for command in [
        f"CREATE TABLE {name} USING parquet PARTITIONED BY (part) AS SELECT * FROM facts",
        f"INSERT INTO {name} SELECT id, key, amount, at, note, 5 FROM facts LIMIT 10",
        f"ANALYZE TABLE {name} COMPUTE STATISTICS FOR ALL COLUMNS",
        f"CACHE TABLE {name}_cached AS SELECT key, count(*) FROM {name} GROUP BY key",
        f"SELECT * FROM {name}_cached", f"UNCACHE TABLE {name}_cached",
        f"EXPLAIN FORMATTED SELECT * FROM {name}", f"DESCRIBE TABLE EXTENDED {name}", "SHOW TABLES",
        "SET spark.sql.shuffle.partitions", f"TRUNCATE TABLE {name}", f"DROP TABLE {name}",
    ]:
        # Some fail for want of those that are left out.
        if rng.random() < 0.8:
            with contextlib.suppress(Exception):
                spark.sql(command).collect()


def files(rng):
    """Writes files and reads them, partitions and schemas being found from the data."""
    form, path = rng.choice(["parquet", "json", "csv", "orc"]), new_path("data/files")
    facts = make_views(rng)
    writer = facts.write.format(form).option("header", True)
    (writer.partitionBy("part") if rng.random() < 0.5 else writer).save(path)
    reader = spark.read.format(form).option("header", True).option("inferSchema", True)
    found = reader.load(path)
    act(rng, found.where("id < 50"))
    act(rng, found.groupBy("part").count())
    # A filter on the other side tells which partitions are read.
    parts = spark.range(3).select(F.col("id").alias("part"), F.concat(F.lit("p"), "id").alias("name"))
    act(rng, found.join(F.broadcast(parts.where("name = 'p1'")), "part"))


def python_functions(rng):
    make_views(rng).sparkSession.udf.register("half", lambda x: x and x / 2, "double")
    act(rng, spark.sql("SELECT key, sum(half(amount)) FROM facts WHERE half(amount) > 10 GROUP BY key"))

    @F.udtf(returnType="n: int, text: string")
    class Count:
        def eval(self, n: int):
            yield from ((i, "x" * i) for i in range(n))

    spark.udtf.register("count_up", Count)
    act(rng, spark.sql("SELECT * FROM count_up(7)"))


def cached_frames(rng):
    level = rng.choice([StorageLevel.MEMORY_AND_DISK_DESER, StorageLevel.MEMORY_ONLY, StorageLevel.DISK_ONLY,
                        StorageLevel.MEMORY_AND_DISK_2])
    make_views(rng)
    df = query(rng).persist(level)
    df.count()
    act(rng, df)
    if rng.random() < 0.6:
        df.unpersist(blocking=True)
        act(rng, df)


def observed(rng):
    """Metrics that are observed on the way are accumulators with a name."""
    seen = Observation(rng.choice(["seen", "it's <seen>"]))
    make_views(rng).observe(seen, F.count("*").alias("rows"), F.max("amount").alias("max")).collect()
    print(seen.get)


def sql_fails(rng):
    text = rng.choice(UGLY)
    df = spark.range(0, 100, 1, 4).select(
        F.when(F.col("id") == 77, F.raise_error(F.lit(text))).otherwise(F.col("id")).alias("n"))
    df.groupBy("n").count().write.format("noop").mode("overwrite").save()


def sql_is_wrong(rng):
    """Queries that fail before there is a job."""
    for text in ["SELECT nope FROM range(3)", "SELECT 1 FROM nowhere", "CREATE TABLE t USING nonsense AS SELECT 1",
                 "SELECT assert_true(1 > 2)", "SELECT CAST('x' AS int) + 1", "DROP TABLE nowhere"]:
        with contextlib.suppress(Exception):
            spark.sql(text).collect()


def sql_cancelled(rng):
    group = new_name("sql")
    sc.setJobGroup(group, "a query that takes too long", interruptOnCancel=True)
    once_running(group, lambda stage: sc.cancelJobGroup(group))
    slow = F.udf(drowsy(0.2), "long")
    spark.range(0, 200, 1, 6).select(slow("id").alias("n")).groupBy(F.col("n") % 7).count().collect()


def many_plans(rng):
    """A wide plan, and one that is written again for every partition."""
    make_views(rng)
    wide = spark.sql(" UNION ALL ".join(f"SELECT key, {i} n FROM facts WHERE part = {i % 4}" for i in range(12)))
    act(rng, wide.groupBy("n").count())
    list(spark.range(0, 20, 1, 4).toLocalIterator())


STEPS = [queries] * 4 + [
    queries_told_how, skew_join, commands, files, python_functions, cached_frames, observed,
    sql_fails, sql_is_wrong, sql_cancelled, many_plans,
]
