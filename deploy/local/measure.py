"""When the end of each stage was where: in a closed segment, in the bucket, in the lake, in Prometheus."""

import json
import statistics
import subprocess
import time
import urllib.parse
from dataclasses import asdict, dataclass

import spark
from processes import Failure, get

# What Prometheus is to say of a stage, as Spark's event log does.
RUN_TIME = "spark_stage_executor_runTime"
ELAPSED = "stagelight_spark_stage_elapsed_seconds"
ENDED = "SELECT stage_id, stage_attempt_id FROM stages WHERE status IN ('COMPLETE', 'FAILED')"


@dataclass
class Measured:
    """A stage, and at what time each step had it."""

    stage: spark.Stage
    closed: float | None
    in_bucket: float | None
    queryable: float
    in_prometheus: float
    run_time_ms: float

    def steps(self):
        """How long each step took, by its name, and all of them."""
        times = {
            "closed": self.closed,
            "in bucket": self.in_bucket,
            "queryable": self.queryable,
            "in Prometheus": self.in_prometheus,
        }
        before = self.stage.ended
        steps = {}
        for name, at in times.items():
            if at is not None:
                steps[name] = at - before
                before = at
        return steps | {"all": self.in_prometheus - self.stage.ended}


class Lake:
    """Notices when the lake has the end of a stage: at the commit after which a question finds it."""

    def __init__(self, sql, ingest_metrics):
        self._sql = sql
        self._metrics = ingest_metrics
        self._commits = 0
        self.queryable = {}

    def look(self):
        """The stages that were not there before."""
        commits = self._count()
        if commits == self._commits:
            return []
        now = time.time()
        self._commits = commits
        command = [*self._sql, "--format", "json", ENDED]
        answer = subprocess.run(command, capture_output=True, text=True)
        if answer.returncode != 0:
            raise Failure(f"the lake does not answer:\n{answer.stderr}")
        keys = [(row["stage_id"], row["stage_attempt_id"]) for row in json.loads(answer.stdout)]
        news = [key for key in keys if key not in self.queryable]
        self.queryable |= {key: now for key in news}
        return news

    def _count(self):
        for line in get(self._metrics).splitlines():
            name, _, value = line.partition(" ")
            if name.endswith("_commits_total"):
                return float(value)
        raise Failure(f"{self._metrics} tells of no commits")


class Prometheus:
    def __init__(self, url):
        self.url = url

    def in_prometheus(self, app_id, stages):
        """Of each stage, by its key: the time of the first scrape that had its final numbers, and
        the run time that Prometheus has now; those that it does not have yet are left out."""
        run_times = self._samples(RUN_TIME, app_id)
        elapsed = self._samples(ELAPSED, app_id)
        found = {}
        for stage in stages:
            lasted = dict(elapsed.get(stage.key, []))
            samples = run_times.get(stage.key, [])
            for at, run_time in samples:
                # Both: what ran so far may be all, before the lake knows that the stage is over.
                over = abs(lasted.get(at, -1) - stage.elapsed) < 0.0005
                if over and run_time == stage.run_time_ms:
                    found[stage.key] = (at, samples[-1][1])
                    break
        return found

    def _samples(self, family, app_id):
        """Time and value of each sample, by stage."""
        query = urllib.parse.urlencode({"query": f'{family}{{app_id="{app_id}"}}[1h]'})
        answer = json.loads(get(f"{self.url}/api/v1/query?{query}"))
        samples = {}
        for series in answer["data"]["result"]:
            labels = series["metric"]
            key = (int(labels["stage_id"]), int(labels["stage_attempt_id"]))
            samples[key] = [(at, float(value)) for at, value in series["values"]]
        return samples


def alerts(alertmanager, app_id):
    """What Alertmanager has of the application: names of alerts, and their summaries."""
    found = json.loads(get(f"{alertmanager}/api/v2/alerts"))
    of_application = [alert for alert in found if alert["labels"].get("app_id") == app_id]
    return {
        alert["labels"]["alertname"]: alert["annotations"]["summary"] for alert in of_application
    }


def measured(log, stages, arrived, lake, found):
    """`arrived` is empty where there is no bucket: then nobody waits for the end of a segment."""
    result = []
    files = {spark.segment_of(path.name): path for path in spark.segments(log)}
    for stage in stages:
        file = files[stage.segment]
        in_bucket = arrived.get(f"{log.name}/{file.name}")
        in_prometheus, run_time_ms = found[stage.key]
        result.append(
            Measured(
                stage=stage,
                closed=file.stat().st_mtime if in_bucket else None,
                in_bucket=in_bucket,
                queryable=lake.queryable[stage.key],
                in_prometheus=in_prometheus,
                run_time_ms=run_time_ms,
            )
        )
    return result


def table(rows):
    steps = list(rows[0].steps())
    head = ["stage", "tasks", "run time", "segment", *steps]
    lines = [
        [
            f"{row.stage.stage_id}{' failed' if row.stage.failed else ''}",
            str(row.stage.tasks),
            f"{row.run_time_ms / 1000:.1f}",
            str(row.stage.segment),
            *(f"{seconds:.1f}" for seconds in row.steps().values()),
        ]
        for row in rows
    ]
    for name, of in (("median", statistics.median), ("longest", max)):
        columns = [of([row.steps()[step] for row in rows]) for step in steps]
        lines.append([name, "", "", "", *(f"{seconds:.1f}" for seconds in columns)])
    widths = [max(len(line[column]) for line in [head, *lines]) for column in range(len(head))]
    aligned = [
        " ".join(cell.rjust(width + 1) for cell, width in zip(line, widths))
        for line in [head, *lines]
    ]
    return "\n".join(aligned)


def as_json(rows, found_alerts, app_id):
    stages = [asdict(row) | {"steps": row.steps()} for row in rows]
    return json.dumps({"app_id": app_id, "stages": stages, "alerts": found_alerts}, indent=2)
