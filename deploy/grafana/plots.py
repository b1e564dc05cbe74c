#!/usr/bin/env python3
"""Draws the dashboards from a Prometheus, without a Grafana: their queries, in the dashboards' layout.

    python3 deploy/grafana/plots.py --prometheus http://127.0.0.1:9090 --last 1h --into /tmp/plots

What it draws is what the queries answer; how Grafana draws it is another matter.
"""

import argparse
import json
import math
import re
import sys
import time
import urllib.parse
import urllib.request
from datetime import datetime
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.dates as dates  # noqa: E402
import matplotlib.pyplot as plt  # noqa: E402
from PIL import Image  # noqa: E402

from queries import Window, dashboards, expand, panels  # noqa: E402

COLUMN, ROW = 0.62, 0.36  # inches of the grid
DPI = 75
COLORS = ["#4e79a7", "#f28e2b", "#59a14f", "#b07aa1", "#edc948", "#76b7b2", "#e15759", "#9c755f"]
NAMED = {"green": "#3a8f3a", "orange": "#e07b00", "red": "#d02020", "blue": "#4e79a7", "text": "#222"}
LEGENDS, BARS = 6, 14
UNITS = {"1024": ["", "Ki", "Mi", "Gi", "Ti", "Pi"], "1000": ["", "k", "M", "G", "T", "P"]}
RATES = {"ops": "/s", "reqps": "/s", "opm": "/min", "binBps": "B/s", "bytes": "B"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090", metavar="URL")
    parser.add_argument("--last", default="1h", help="time range until now, as 15m, 6h or 2d")
    parser.add_argument("--scrape-interval", type=float, default=30, metavar="SECONDS")
    parser.add_argument("--into", type=Path, required=True, metavar="DIR")
    parser.add_argument("--variable", action="append", default=[], metavar="NAME=REGEX")
    parser.add_argument("--only", metavar="UID", help="one dashboard")
    given = parser.parse_args()
    if not re.fullmatch(r"\d+[smhd]", given.last):
        parser.error(f"--last {given.last}: a number and s, m, h or d")
    if wrong := [variable for variable in given.variable if "=" not in variable]:
        parser.error(f"--variable {wrong[0]}: no NAME=REGEX")
    if given.only not in (None, *dashboards()):
        parser.error(f"--only {given.only}: there are {', '.join(dashboards())}")
    length = int(given.last[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[given.last[-1]]
    variables = dict(variable.split("=", 1) for variable in given.variable)
    now = time.time()
    for uid, dashboard in dashboards().items():
        if given.only in (None, uid):
            plot = Plot(given.prometheus, now - length, now, given.scrape_interval, variables)
            try:
                print(plot.save(dashboard, given.into / f"{uid}.png"))
            except OSError as error:
                sys.exit(f"{given.prometheus}: {error}")


class Plot:
    def __init__(self, prometheus, start, end, scrape_interval, variables=None):
        # A point for every third pixel or so of a panel, as Grafana asks for.
        step = max((end - start) / 150, scrape_interval)
        self.window = Window(start, end, step, scrape_interval)
        self._prometheus, self._variables = prometheus, variables or {}

    def save(self, dashboard, file):
        bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
        figure = plt.figure(figsize=(24 * COLUMN, (bottom + 1) * ROW), dpi=DPI, facecolor="#f4f5f5")
        self._figure, self._height = figure, bottom + 1
        chosen = ", ".join(f"{name}: {value}" for name, value in self._variables.items())
        self._text(0.2, 0.65, dashboard["title"], 13, weight="bold")
        self._text(23.8, 0.65, chosen, 8, ha="right")
        for panel in dashboard["panels"]:
            if panel["type"] == "row":
                self._text(0.2, panel["gridPos"]["y"] + 1.7, panel["title"], 10, weight="bold")
        for panel in panels(dashboard):
            self._panel(panel)
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, dpi=DPI, facecolor=figure.get_facecolor())
        plt.close(figure)
        with Image.open(file) as image:
            image.convert("RGB").quantize(160).save(file, optimize=True)
        return file

    def _text(self, x, y, text, size, **options):
        self._figure.text(x / 24, 1 - y / self._height, plain(text), fontsize=size, **options)

    def _axes(self, position, inner):
        """Axes in a panel; inner is left, bottom, right and top in inches."""
        left, bottom, right, top = inner
        x, y = position["x"] * COLUMN, (position["y"] + 1) * ROW
        w, h = position["w"] * COLUMN, position["h"] * ROW
        width, height = 24 * COLUMN, self._height * ROW
        return self._figure.add_axes((
            (x + left) / width, 1 - (y + h - bottom) / height,
            (w - left - right) / width, (h - bottom - top) / height,
        ))  # fmt: skip

    def _panel(self, panel):
        back = self._axes(panel["gridPos"], (0.04, 0.04, 0.04, 0.04))
        back.set(xticks=[], yticks=[], facecolor="white")
        back.spines[:].set_color("#d5d5d5")
        position = panel["gridPos"]
        self._text(position["x"] + 0.2, position["y"] + 1.6, panel["title"], 8, weight="bold")
        drawn = getattr(self, f"_{panel['type']}")(panel)
        if not drawn:
            middle = position["x"] + position["w"] / 2
            self._text(middle, position["y"] + 1.3 + position["h"] / 2, "no data", 9, color="#999", ha="center")

    def _ask(self, target):
        expr = expand(target["expr"], self.window, self._variables)
        window = self.window
        if target.get("instant"):
            asked = {"time": window.end}
        else:
            asked = {"start": window.start, "end": window.end, "step": window.step}
        kind = "query" if target.get("instant") else "query_range"
        answer = self._get(kind, query=expr, **asked)["result"]
        return [(series["metric"], series.get("values") or [series["value"]]) for series in answer]

    def _get(self, kind, **asked):
        url = f"{self._prometheus}/api/v1/{kind}?{urllib.parse.urlencode(asked)}"
        with urllib.request.urlopen(url, timeout=60) as answer:
            return json.load(answer)["data"]

    def _named(self, panel):
        """(name, points) of all targets, with those that are finite."""
        for target in panel["targets"]:
            for metric, points in self._ask(target):
                name = re.sub(r"\{\{(\w+)\}\}", lambda f: metric.get(f[1], ""), target["legendFormat"])
                values = [(float(at), float(value)) for at, value in points]
                if any(math.isfinite(value) for _, value in values):
                    yield " ".join(name.split()), values

    def _timeseries(self, panel):
        drawn = list(self._named(panel))
        axes = self._axes(panel["gridPos"], (0.62, 0.52, 0.12, 0.32))
        axes.tick_params(labelsize=6.5, length=2, color="#bbb", labelcolor="#555")
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[:].set_color("#bbb")
        axes.grid(color="#eee", linewidth=0.6)
        axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M" if self.window.end - self.window.start < 86400 else "%m-%d %H:%M"))
        defaults = panel["fieldConfig"]["defaults"]
        unit = defaults["unit"]
        axes.yaxis.set_major_formatter(lambda value, _: written(value, unit))
        start, end = self.window.start, self.window.end
        axes.set_xlim(datetime.fromtimestamp(start), datetime.fromtimestamp(end))
        axes.set_xticks([datetime.fromtimestamp(start + (end - start) * n / 5) for n in range(5)])
        drawn.sort(key=lambda series: -max(v for _, v in series[1] if math.isfinite(v)))
        stacked = defaults["custom"].get("stacking", {}).get("mode") == "normal"
        if stacked and drawn:
            every = sorted({at for _, points in drawn for at, _ in points})
            layers = [[dict(points).get(at, 0) for at in every] for _, points in drawn]
            times = [datetime.fromtimestamp(at) for at in every]
            axes.stackplot(times, layers, colors=COLORS, alpha=0.75, linewidth=0)
        for place, (name, points) in enumerate(drawn):
            color = COLORS[place % len(COLORS)]
            if not stacked:
                times = [datetime.fromtimestamp(at) for at, _ in points]
                # Where the points stop, the line stops.
                axes.plot(times, [v for _, v in points], color=color, linewidth=1.1)
            if place < LEGENDS:
                axes.plot([], [], color=color, linewidth=3, label=plain(short(name, 30) or "-"))
        top = max((v for _, p in drawn for _, v in p if math.isfinite(v)), default=1)
        for step in defaults["thresholds"]["steps"]:
            if step["value"] is not None and defaults["custom"].get("thresholdsStyle"):
                axes.axhline(step["value"], color=NAMED[step["color"]], linewidth=0.9, linestyle="--")
                top = max(top, step["value"] * 1.1) if step["value"] < 20 * top else top
        if defaults.get("min") is not None:
            axes.set_ylim(bottom=0)
        if not stacked:
            axes.set_ylim(top=top * 1.08 or 1)
        if drawn:
            if len(drawn) > LEGENDS:
                axes.plot([], [], " ", label=f"and {len(drawn) - LEGENDS} more")
            axes.legend(
                loc="upper center", bbox_to_anchor=(0.46, -0.1), ncol=3, fontsize=6, frameon=False,
                handlelength=1, columnspacing=0.9, labelspacing=0.25, borderaxespad=0.2,
            )  # fmt: skip
        return drawn

    def _stat(self, panel):
        drawn = list(self._named(panel))
        if drawn:
            defaults = panel["fieldConfig"]["defaults"]
            (name, points), value = drawn[0], drawn[0][1][-1][1]
            is_name = panel["options"]["textMode"] == "name"
            text = name if is_name else written(value, defaults["unit"], defaults.get("decimals"))
            position = panel["gridPos"]
            self._text(
                position["x"] + position["w"] / 2, position["y"] + 3.5, text,
                16 if len(text) < 12 else 10, weight="bold", ha="center",
                color="#222" if is_name else level(defaults["thresholds"]["steps"], value),
            )  # fmt: skip
        return drawn

    def _bargauge(self, panel):
        drawn = [(name, points[-1][1]) for name, points in self._named(panel)]
        if panel["targets"][0]["format"] == "heatmap":
            drawn = buckets(drawn)
        drawn = drawn[:BARS]
        if not drawn:
            return drawn
        axes = self._axes(panel["gridPos"], (0.1, 0.1, 0.1, 0.34))
        defaults = panel["fieldConfig"]["defaults"]
        most = max(value for _, value in drawn) or 1
        for place, (name, value) in enumerate(drawn):
            color = level(defaults["thresholds"]["steps"], value)
            axes.barh(place, value / most, height=0.75, color=color, alpha=0.45)
            axes.text(0.01, place, plain(short(name, 46)), fontsize=6.5, va="center")
            text = written(value, defaults["unit"], defaults.get("decimals"))
            axes.text(1.0, place, text, fontsize=7, va="center", ha="right", weight="bold")
        axes.set(xlim=(0, 1), ylim=(max(len(drawn), 4) - 0.5, -0.5))
        axes.axis("off")
        return drawn

    def _table(self, panel):
        options = next(t["options"] for t in panel["transformations"] if t["id"] == "organize")
        shown, names = sorted(options["indexByName"], key=options["indexByName"].get), options["renameByName"]
        keys = [name for name in shown if not name.startswith("Value") and name not in names]
        rows = {}
        for target in panel["targets"]:
            for metric, points in self._ask(target):
                row = rows.setdefault(tuple(metric.get(key, "") for key in keys), {})
                value = f"Value #{target['refId']}" if len(panel["targets"]) > 1 else "Value"
                row |= metric | {value: float(points[-1][1])}
        units, levels = {}, {}
        for override in panel["fieldConfig"]["overrides"]:
            for given in override["properties"]:
                if given["id"] == "unit":
                    units[override["matcher"]["options"]] = given["value"]
                if given["id"] == "thresholds":
                    levels[override["matcher"]["options"]] = given["value"]["steps"]
        ordered = list(rows.values())
        if by := panel.get("options", {}).get("sortBy"):
            field = next((name for name, title in names.items() if title == by[0]["displayName"]), "")
            ordered.sort(key=lambda row: row.get(field, -math.inf), reverse=True)
        if not ordered:
            return ordered
        axes = self._axes(panel["gridPos"], (0.12, 0.1, 0.12, 0.36))
        dated = {title for title, unit in units.items() if unit == "dateTimeAsIso"}
        weights = [1 if n.startswith("Value") and names[n] not in dated else 2.2 for n in shown]
        edges = [sum(weights[:n]) / sum(weights) for n in range(len(weights) + 1)]
        room = int((panel["gridPos"]["h"] * ROW - 0.5) / 0.17)
        width = panel["gridPos"]["w"] * COLUMN / 0.062
        for column, name in enumerate(shown):
            title = names.get(name, name)
            axes.text(edges[column], 0, title, fontsize=6.5, weight="bold", va="center")
            for place, row in enumerate(ordered[: room - 1], 1):
                value = row.get(name, "")
                if isinstance(value, float):
                    color = level(levels.get(title, [{"value": None, "color": "text"}]), value)
                    text = written(value, units.get(title, "none")) if math.isfinite(value) else "-"
                else:
                    room_for = int(width * weights[column] / sum(weights))
                    color, text = "#222", short(value, room_for)
                axes.text(edges[column], place, plain(text), fontsize=6.5, va="center", color=color)
        axes.set(xlim=(0, 1), ylim=(room - 0.5, -0.5))
        axes.axis("off")
        return ordered

    def _alertlist(self, panel):
        named = re.search(r'=~"([^"]*)"', panel["options"]["alertInstanceLabelFilter"])[1].split("|")
        fired = [a for a in self._get("alerts")["alerts"] if a["labels"]["alertname"] in named]
        room = panel["gridPos"]["h"] - 2
        for place, alert in enumerate(fired[:room]):
            position = panel["gridPos"]
            text = short(alert["annotations"]["summary"], position["w"] * 8)
            color = {"critical": "red", "warning": "orange", "info": "blue"}[alert["labels"]["severity"]]
            self._text(position["x"] + 0.2, position["y"] + 2.6 + place, text, 6.5, color=NAMED[color])
        return fired


def buckets(drawn):
    """The bars of a histogram: each bucket without those below it."""
    counts = sorted((float(le), count) for le, count in drawn)
    below = [0, *(count for _, count in counts)]
    return [(f"up to {le:g} s", count - less) for (le, count), less in zip(counts, below)]


def level(steps, value):
    reached = [s["color"] for s in steps if s["value"] is None or value >= s["value"]]
    return NAMED.get(reached[-1], "#222")


def short(text, room):
    """In one line of so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= room else line[: max(room - 1, 1)] + "…"


def plain(text):
    """As it is: a dollar does not begin mathematics."""
    return text.replace("$", r"\$")


def written(value, unit, decimals=None):
    """A number as Grafana would write it, about."""
    if unit == "dateTimeAsIso":
        return datetime.fromtimestamp(value / 1000).strftime("%Y-%m-%d %H:%M:%S")
    if unit in ("percentunit", "percent"):
        return f"{value * (100 if unit == 'percentunit' else 1):.{1 if decimals is None else decimals}f} %"
    if unit == "s":
        for name, seconds in (("d", 86400), ("h", 3600), ("min", 60)):
            if abs(value) >= seconds:
                return f"{value / seconds:.3g} {name}"
        return f"{value:.3g} s" if abs(value) >= 1 or not value else f"{value * 1000:.3g} ms"
    if unit == "mbytes":
        value, unit = value * 2**20, "bytes"
    base = 1024 if unit in ("bytes", "binBps") else 1000
    power = 0
    while abs(value) >= base and power < 5:
        value, power = value / base, power + 1
    number = f"{value:.{decimals}f}" if decimals is not None and not power else f"{value:.3g}"
    return f"{number} {UNITS[str(base)][power]}{RATES.get(unit, '')}".strip()


if __name__ == "__main__":
    main()
