"""Queries over the families of `stagelight serve`, with the labels that `sql/metrics` declares.

Two `serve` may stand side by side, and one that is started again has another pod: both tell the same.
So a series is always asked for by the family's own labels, and its greatest value taken.
"""

import re
from functools import cache
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
RULES = ROOT / "deploy" / "prometheus" / "rules.yaml"

APP = ("cluster", "namespace", "app_name", "app_id", "attempt_id")
FLEET_SCOPE = 'cluster=~"$cluster", namespace=~"$namespace", app_name=~"$app_name"'
APP_SCOPE = FLEET_SCOPE + ', app_id=~"$app_id"'

ELAPSED = "stagelight_spark_application_elapsed_seconds"
STARTED = "stagelight_spark_application_start_timestamp_seconds"
STAGE_ELAPSED = "stagelight_spark_stage_elapsed_seconds"
STAGE_SUBMITTED = "stagelight_spark_stage_submission_timestamp_seconds"
PRICE = "max(stagelight_spark_core_hour_price)"


@cache
def families():
    """The labels of each family of `sql/metrics`."""
    labels = {}
    for file in sorted((ROOT / "sql" / "metrics").glob("*/*.sql")):
        header = dict(re.findall(r"^-- (\w+): (.*)$", file.read_text(), re.M))
        names = header.get("labels", "")
        labels[header["family"]] = tuple(name.strip() for name in names.split(",") if name.strip())
    return labels


@cache
def alerts():
    """The alerting rules, by name."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


def alert_threshold(alert):
    """The number that the rule compares with first; none where it only asks whether there is any."""
    compared = re.search(r"[<>]=? *([0-9.]+)", alerts()[alert]["expr"])
    number = float(compared[1]) if compared else 0
    return number or None


class Scope:
    """The queries of a dashboard: all are about what its variables choose."""

    def __init__(self, selector):
        self.selector = selector

    def select(self, family, where=""):
        return f"{family}{{{', '.join(part for part in (self.selector, where) if part)}}}"

    def one(self, family, vector):
        labels = families()[re.sub(r"_(bucket|sum|count)$", "", family)]
        if family.endswith("_bucket"):
            labels += ("le",)
        return f"max by ({', '.join(labels)}) ({vector})"

    def now(self, family, where=""):
        """The gauge as it was scraped at each point in time."""
        return self.one(family, self.select(family, where))

    def seen(self, family, where=""):
        """The last that was scraped in the dashboard's range, also of what has left the window since."""
        return self.one(family, f"last_over_time({self.select(family, where)}[$__range])")

    def rate(self, family, where=""):
        return self.one(family, f"rate({self.select(family, where)}[$__rate_interval])")

    def increase(self, family, where=""):
        return self.one(family, f"increase({self.select(family, where)}[$__range])")

    def final(self, family, where=""):
        """The last that was scraped in the dashboard's range, at every point in time."""
        return self.one(family, f"last_over_time({self.select(family, where)}[$__range] @ end())")

    def spans(self, started=STAGE_SUBMITTED, elapsed=STAGE_ELAPSED, where=""):
        """Of the interval that ends at a point in time: the part in which each stage attempt ran."""
        start, length = self.final(started, where), self.final(elapsed, where)
        interval = "$__interval_ms / 1000"
        overlap = (
            f"clamp_min(clamp_max({start} + {length}, time())"
            f" - clamp_min({start}, time() - {interval}), 0)"
        )
        return f"{overlap} / ({interval})"

    def app_spans(self):
        return self.spans(STARTED, ELAPSED)

    def spread(self, family, by, where=""):
        """What each stage attempt adds up to, by the second, spread evenly over its run."""
        length = self.final(STAGE_ELAPSED, where)
        return total(
            by,
            f"{self.final(family, where)} / clamp_min({length}, 0.001) * {self.spans(where=where)}",
        )

    def core_spread(self, by):
        """Cores of applications by what became of their time, spread evenly over each run."""
        cores = self.final("stagelight_spark_application_core_time_seconds")
        on = f"on ({', '.join(APP)}) group_left ()"
        length = f"clamp_min({self.final(ELAPSED)}, 0.001)"
        return total(by, f"{cores} / {on} {length} * {on} ({self.app_spans()})")


def total(by, vector):
    return f"sum by ({by}) ({vector})" if by else f"sum({vector})"


def greatest(by, vector):
    return f"max by ({by}) ({vector})" if by else f"max({vector})"
