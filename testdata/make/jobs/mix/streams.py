"""Steps of structured streaming."""
import json
import pathlib
import time

from pyspark.sql import functions as F

from mix.shared import UGLY, new_name, new_path, settings, spark


def stream(rng):
    """Rows with a time and a number, a few thousand a batch at most."""
    if rng.random() < 0.5:
        rows = spark.readStream.format("rate-micro-batch").options(
            rowsPerBatch=rng.choice([1, 500]), numPartitions=2, advanceMillisPerBatch=10_000).load()
    else:
        folder = pathlib.Path(new_path("data/stream"))
        folder.mkdir(parents=True)
        for batch in range(5):
            lines = [json.dumps({"timestamp": f"2026-01-01T00:0{batch}:{i % 60:02}", "value": batch * 500 + i})
                     for i in range(300)]
            (folder / f"{batch}.json").write_text("\n".join(lines))
        rows = spark.readStream.schema("timestamp timestamp, value long").option(
            "maxFilesPerTrigger", 1).json(str(folder))
    return rows.withWatermark("timestamp", "10 seconds")


def start(rng, df, mode="append", every="0 seconds"):
    """Starts a query, the rows of which go nowhere."""
    writer = df.writeStream.outputMode(mode).option("checkpointLocation", new_path("data/checkpoint"))
    if rng.random() < 0.5:
        writer = writer.queryName(new_name("stream"))
    return writer.trigger(processingTime=every).format("noop").start()


def watch(query, batches=3):
    """Waits for a few batches (or for some time, if there are not as many) and stops the query."""
    enough = time.time() + 10
    while query.isActive and time.time() < enough:
        if query.lastProgress and query.lastProgress["batchId"] >= batches:
            break
        time.sleep(0.1)
    query.stop()


def counting_stream(rng):
    """State that grows and, as time goes on, is dropped."""
    store = "org.apache.spark.sql.execution.streaming.state." + rng.choice(
        ["HDFSBackedStateStoreProvider", "RocksDBStateStoreProvider"])
    with settings(streaming__stateStore__providerClass=store, shuffle__partitions="2"):
        counts = stream(rng).groupBy(F.window("timestamp", "5 seconds"), (F.col("value") % 10).alias("k")).count()
        watch(start(rng, counts, rng.choice(["append", "update", "complete"])))


def distinct_stream(rng):
    with settings(shuffle__partitions="2"):
        watch(start(rng, stream(rng).dropDuplicatesWithinWatermark(["value"])))


def joined_streams(rng):
    with settings(shuffle__partitions="2"):
        left, right = stream(rng).alias("l"), stream(rng).alias("r")
        watch(start(rng, left.join(right, F.expr("l.value = r.value AND l.timestamp = r.timestamp"))), 2)


def failing_stream(rng):
    """A query that fails in its first or second batch, in its batch function or in a task."""
    text, checkpoint = rng.choice(UGLY), new_path("data/checkpoint")
    if rng.random() < 0.5:
        def batch(df, number):
            df.groupBy(F.col("value") % 3).count().collect()
            if number == 1:
                raise ValueError(text)
        writer = stream(rng).writeStream.foreachBatch(batch)
    else:
        bad = F.when(F.col("value") > 0, F.raise_error(F.lit(text))).otherwise(F.col("value"))
        writer = stream(rng).select(bad.alias("value")).writeStream.format("noop")
    watch(writer.option("checkpointLocation", checkpoint).start())


def stream_to_files(rng):
    """A batch function that writes and reads, with a cached batch."""
    path = new_path("data/from-stream")

    def batch(df, number):
        df.persist().write.mode("append").parquet(path)
        spark.read.parquet(path).count()
        df.unpersist()

    watch(stream(rng).writeStream.foreachBatch(batch).option("checkpointLocation", new_path("data/checkpoint"))
          .start(), 2)


def stream_left_running(rng):
    """A query that nobody stops."""
    start(rng, stream(rng).where("value % 2 = 0"), every="3 seconds")
    time.sleep(2)


STEPS = [
    counting_stream, distinct_stream, joined_streams, failing_stream, stream_to_files, stream_left_running,
]
