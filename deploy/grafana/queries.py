"""The queries of dashboards as Grafana would send them: read from their JSON, variables put in."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "dashboards"
VARIABLE = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))")


@dataclass
class Window:
    """What Grafana knows of the time range, in seconds."""

    start: float
    end: float
    step: float
    scrape_interval: float = 30

    def values(self):
        rate = max(self.step + self.scrape_interval, 4 * self.scrape_interval)
        return {
            "__interval": seconds(self.step),
            "__interval_ms": str(round(self.step * 1000)),
            "__rate_interval": seconds(rate),
            "__range": seconds(self.end - self.start),
        }


def seconds(number):
    return f"{max(round(number * 1000), 1)}ms"


def dashboards():
    return {file.stem: json.loads(file.read_text()) for file in sorted(FOLDER.glob("*.json"))}


def panels(dashboard):
    """All panels but rows, those that a collapsed row holds too."""
    for panel in dashboard["panels"]:
        yield from panels(panel) if panel.get("panels") else ()
        if panel["type"] != "row":
            yield panel


def expand(expr, window, variables=None):
    """The expression with variables in place; what is not given is All."""
    values = window.values() | (variables or {})
    return VARIABLE.sub(lambda found: values.get(found[1] or found[2], ".*"), expr)


def label_values(query):
    """The metric and the label that a variable's `label_values(metric, label)` names."""
    return re.fullmatch(r"label_values\((.*), (\w+)\)", query, re.S).groups()
