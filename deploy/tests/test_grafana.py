"""The dashboards: what the generator writes, of families that there are, with data in Prometheus."""

import itertools
import json
import math
import os
import re
import sys
import time
import unittest
from pathlib import Path

import promql_parser as promql
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "deploy" / "tests"), str(ROOT / "deploy" / "grafana")]

import chain  # noqa: E402
import dashboards  # noqa: E402
import promql_labels  # noqa: E402
import queries  # noqa: E402
from replay import TESTDATA, Log  # noqa: E402

RULES = yaml.safe_load(chain.RULES.read_text())["groups"]
# A window of any length: what is parsed does not depend on it.
ANY = queries.Window(0, 3600, 15)
# Panels that have no data in `Live`, and why.
EMPTY = {}
SIZE = 512 * 1024


def every_panel():
    for uid, dashboard in queries.dashboards().items():
        for panel in queries.panels(dashboard):
            yield uid, dashboard, panel


def every_expr():
    """(where, expression) of all panels and annotations, and of all rules."""
    for uid, dashboard, panel in every_panel():
        for target in panel.get("targets", ()):
            yield f"{uid}: {panel['title']} {target['refId']}", queries.expand(target["expr"], ANY)
    for uid, dashboard in queries.dashboards().items():
        for annotation in dashboard["annotations"]["list"]:
            yield f"{uid}: annotation {annotation['name']}", queries.expand(annotation["expr"], ANY)
    for group, rule in every_rule():
        yield f"rule {rule.get('alert') or rule['record']}", rule["expr"]


def every_variable():
    for uid, dashboard in queries.dashboards().items():
        for variable in dashboard["templating"]["list"]:
            yield uid, variable


def every_rule():
    for group in RULES:
        for rule in group["rules"]:
            yield group["name"], rule


def every_url(panel):
    for found in re.findall(r'"url": "([^"]*)"', json.dumps(panel)):
        yield found


class Files(unittest.TestCase):
    def test_are_what_the_generator_writes(self):
        written = dict(dashboards.files())
        there = set(dashboards.FOLDER.glob("*.json"))
        self.assertEqual(there, set(written), "run deploy/grafana/dashboards.py")
        for file, text in written.items():
            self.assertEqual(file.read_text(), text, f"{file.name}: run deploy/grafana/dashboards.py")

    def test_fit_into_a_config_map(self):
        for file in dashboards.FOLDER.glob("*.json"):
            self.assertLess(file.stat().st_size, SIZE, file.name)

    def test_provisioning_is_yaml_that_names_the_folder(self):
        provisioning = ROOT / "deploy" / "grafana" / "provisioning"
        providers = yaml.safe_load((provisioning / "dashboards" / "stagelight.yaml").read_text())
        self.assertTrue(all(provider["options"]["path"] for provider in providers["providers"]))
        sources = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())
        self.assertEqual([source["type"] for source in sources["datasources"]], ["prometheus"])


class Panels(unittest.TestCase):
    def test_say_what_they_are(self):
        for uid, _, panel in every_panel():
            where = f"{uid}: {panel['title']}"
            self.assertTrue(panel["title"].strip(), uid)
            self.assertGreater(len(panel.get("description", "")), 20, where)
            # A list of alerts has no numbers.
            if panel["type"] != "alertlist":
                self.assertTrue(panel["fieldConfig"]["defaults"].get("unit"), where)

    def test_that_show_time_say_which(self):
        for uid, _, panel in every_panel():
            if panel["type"] == "timeseries":
                self.assertIn("Time axis: ", panel["description"], f"{uid}: {panel['title']}")

    def test_titles_and_ids_are_unique(self):
        for uid, dashboard in queries.dashboards().items():
            for of in ("id", "title"):
                found = [panel[of] for panel in queries.panels(dashboard)]
                self.assertEqual(len(found), len(set(found)), f"{uid}: {of} {sorted(map(str, found))}")
            self.assertEqual(dashboard["uid"], uid)

    def test_do_not_overlap(self):
        for uid, dashboard in queries.dashboards().items():
            boxes = [(panel["title"], panel["gridPos"]) for panel in dashboard["panels"]]
            for title, box in boxes:
                self.assertLessEqual(box["x"] + box["w"], 24, f"{uid}: {title}")
            for (one, a), (other, b) in itertools.combinations(boxes, 2):
                apart = (
                    a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
                    or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
                )  # fmt: skip
                self.assertTrue(apart, f"{uid}: {one} is over {other}")

    def test_ask_the_data_source_that_is_chosen(self):
        def sources(node):
            if isinstance(node, dict):
                if isinstance(node.get("datasource"), dict):
                    yield node["datasource"]
                node = list(node.values())
            if isinstance(node, list):
                for child in node:
                    yield from sources(child)

        for uid, dashboard in queries.dashboards().items():
            found = list(sources(dashboard))
            self.assertGreater(len(found), 20, uid)
            for source in found:
                self.assertEqual(source, {"type": "prometheus", "uid": "${datasource}"}, uid)
        for uid, _, panel in every_panel():
            for target in panel.get("targets", ()):
                self.assertIn("datasource", target, f"{uid}: {panel['title']}")

    def test_variables_are_there(self):
        """Each variable that is asked for, and each that there is, is the other."""
        known = set(ANY.values())
        for uid, dashboard in queries.dashboards().items():
            there = {variable["name"] for variable in dashboard["templating"]["list"]}
            text = json.dumps([dashboard["panels"], dashboard["annotations"], dashboard["templating"]])
            # Backslashes of JSON within JSON are no part of a name.
            used = {a or b for a, b in queries.VARIABLE.findall(text)} - known
            used -= {name for name in used if name.startswith("__")}
            self.assertEqual(used - there, set(), uid)
            self.assertEqual(there - used, set(), uid)


class Links(unittest.TestCase):
    def test_lead_to_dashboards_and_their_variables(self):
        found = queries.dashboards()
        variables = {
            uid: {variable["name"] for variable in dashboard["templating"]["list"]}
            for uid, dashboard in found.items()
        }
        targets = set()
        for uid, _, panel in every_panel():
            for url in every_url(panel):
                where = f"{uid}: {panel['title']}: {url}"
                target, arguments = re.fullmatch(r"/d/([\w-]+)\?(.*)", url).groups()
                targets.add(target)
                self.assertIn(target, found, where)
                self.assertIn("${__url_time_range}", arguments, where)
                kept = set(re.findall(r"\$\{(\w+):queryparam\}", arguments))
                given = set(re.findall(r"var-(\w+)=", arguments))
                self.assertLessEqual(kept, variables[uid], where)
                self.assertLessEqual(kept | given, variables[target], where)
        self.assertLessEqual({"stagelight-application", "stagelight-stage"}, targets)

    def test_each_dashboard_is_in_the_menu_of_the_others(self):
        for uid, dashboard in queries.dashboards().items():
            menu = dashboard["links"][0]
            self.assertTrue(menu["includeVars"] and menu["keepTime"], uid)
            self.assertLessEqual(set(menu["tags"]), set(dashboard["tags"]), uid)


class Alerts(unittest.TestCase):
    def test_each_rule_is_marked_on_panels(self):
        marked = {}
        for uid, dashboard in queries.dashboards().items():
            ids = {panel["id"] for panel in queries.panels(dashboard)}
            for annotation in dashboard["annotations"]["list"]:
                marked.setdefault(annotation["name"], []).append(uid)
                self.assertLessEqual(set(annotation["filter"]["ids"]), ids, uid)
                self.assertTrue(annotation["titleFormat"], uid)
        rules = {rule["alert"] for _, rule in every_rule() if "alert" in rule}
        self.assertEqual(set(marked), rules)

    def test_each_rule_is_told_by_a_panel(self):
        told = set()
        for _, _, panel in every_panel():
            for names in re.findall(r"Alert: ([\w, ]+)\.", panel["description"]):
                told |= set(names.split(", "))
        rules = {rule["alert"] for _, rule in every_rule() if "alert" in rule}
        self.assertEqual(told, rules)


class Expressions(unittest.TestCase):
    def test_parse(self):
        for where, expr in every_expr():
            with self.subTest(where):
                promql.parse(expr)
                self.assertNotIn("$", expr)

    def test_variables_parse(self):
        for uid, variable in every_variable():
            if variable["type"] == "query":
                metric, label = queries.label_values(queries.expand(variable["query"], ANY))
                promql.parse(metric)


def families(exposition):
    """The labels of each family, and of the series that a histogram's are."""
    there = {}
    for line in exposition.splitlines():
        if found := re.match(r"# TYPE (\S+) ", line):
            there.setdefault(found[1], set())
        elif found := re.match(r"([A-Za-z_:]\w*)(?:\{(.*)\})? ", line):
            names = re.findall(r'(\w+)="(?:[^"\\]|\\.)*"', found[2] or "")
            there.setdefault(found[1], set()).update(names)
    return there


class Live(unittest.TestCase):
    """Real logs, through a real worker, `watch` and `serve`, to a real Prometheus with the rules."""

    @classmethod
    def setUpClass(cls):
        if missing := chain.missing():
            if os.environ.get("STAGELIGHT_REQUIRE_TOOLS") == "1":
                raise AssertionError(f"there is no {', no '.join(missing)}")
            raise unittest.SkipTest(f"SKIPPED: there is no {', no '.join(missing)}")
        cls.chain = chain.Chain("--threshold", "price_per_core_hour=0.05")
        cls.addClassCleanup(cls.chain.__exit__)
        cls.chain.__enter__()
        cls._feed()
        end = time.time()
        cls.window = queries.Window(cls.began - 60, end, 5, chain.SCRAPES_EVERY)
        cls.families = {}
        for address in (cls.chain.serve, cls.chain.worker, cls.chain.watch):
            scraped = families(chain.get(f"http://{address}/metrics"))
            for name, names in scraped.items():
                cls.families.setdefault(name, {"instance", "job"}).update(names)
        everything = set().union(*cls.families.values()) | {"alertname", "alertstate", "severity"}
        cls.families |= {"ALERTS": everything, "up": {"instance", "job"}}
        for _, rule in every_rule():
            if "record" in rule:
                recorded = promql_labels.labels(promql.parse(rule["expr"]), cls.families)
                cls.families[rule["record"]] = recorded

    @classmethod
    def _feed(cls):
        """Logs that have ended just now; some come when the others are scraped, so that counters move."""
        begins = cls.began = time.time() - 900
        names = ["orders-aqe-40", "spill-40", "rolled-40", "retry-40", "inprogress-35", "killed-40"]
        folders = [TESTDATA / "logs" / name for name in names] + sorted((TESTDATA / "runs").iterdir())
        cls.logs = [Log(folder, begins + 40 * n) for n, folder in enumerate(folders)]
        late = cls.logs[-4:]
        for log in cls.logs[:-4]:
            log.write(cls.chain.watched)
        # What Python cannot decompress is as old as it is.
        old = ["failure-40", "executors-40", "streaming-40", "inventory-single-35"]
        for name in old:
            cls.chain.put(TESTDATA / "logs" / name)
        cls._wait_for_applications(len(cls.logs) + len(old) - len(late))
        bad = cls.chain.folder / "bad"
        bad.mkdir()
        (bad / "events_1_local-1").write_text('{"Event": nonsense\n')
        cls.chain.put(bad)
        for log in late:
            log.write(cls.chain.watched)
        cls._wait_for_applications(len(cls.logs) + len(old))
        # A rate is of four scrapes, and a rule of what was scraped before.
        time.sleep(6 * chain.SCRAPES_EVERY)

    @classmethod
    def _wait_for_applications(cls, number):
        family = "stagelight_spark_application_elapsed_seconds"
        chain.wait_for(f"{number} applications", lambda: cls.chain.query(f"count({family}) == {number}"))
        # Twice, so that there is a rate.
        time.sleep(2 * chain.SCRAPES_EVERY)

    def ask(self, target, window=None, variables=None):
        window = window or self.window
        expr = queries.expand(target["expr"], window, variables)
        if target.get("instant"):
            answer = chain.query(self.chain.prometheus, "query", query=expr, time=window.end)
            return [(series["metric"], [series["value"]]) for series in answer]
        answer = chain.query(
            self.chain.prometheus, "query_range", query=expr, start=window.start, end=window.end,
            step=window.step,
        )  # fmt: skip
        return [(series["metric"], series["values"]) for series in answer]

    def test_families_and_labels_are_known(self):
        for where, expr in every_expr():
            with self.subTest(where):
                promql_labels.labels(promql.parse(expr), self.families)

    def test_variables_ask_for_labels_that_are_there(self):
        for uid, variable in every_variable():
            if variable["type"] != "query":
                continue
            metric, label = queries.label_values(queries.expand(variable["query"], self.window))
            with self.subTest(f"{uid}: {variable['name']}"):
                self.assertIn(label, promql_labels.labels(promql.parse(metric), self.families))
                values = {series[0].get(label) for series in self.ask({"expr": metric, "instant": True})}
                # Nothing here runs on Kubernetes.
                self.assertTrue(values - {None} or label == "namespace", values)

    def test_legends_links_and_tables_name_labels_of_the_answer(self):
        for uid, _, panel in every_panel():
            targets = panel.get("targets", ())
            answered = [
                promql_labels.labels(promql.parse(queries.expand(t["expr"], ANY)), self.families) or set()
                for t in targets
            ]
            every, some = set.intersection(*answered) if answered else set(), set().union(*answered)
            with self.subTest(f"{uid}: {panel['title']}"):
                for target, there in zip(targets, answered):
                    legend = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
                    self.assertLessEqual(legend, there)
                    if panel["type"] != "table" and len(self.ask(target)) > 1:
                        self.assertTrue(legend, "several series of one name")
                for url in every_url(panel):
                    self.assertLessEqual(set(re.findall(r"__field\.labels\.(\w+)", url)), every)
                    self.assertLessEqual(set(re.findall(r"__data\.fields\.(\w+)", url)), some)
                for transformation in panel.get("transformations", ()):
                    shown = transformation["options"].get("indexByName", {})
                    self.assertLessEqual({n for n in shown if not n.startswith("Value")}, some)

    def test_alerts_speak_of_labels_that_they_have(self):
        for _, rule in every_rule():
            there = promql_labels.labels(promql.parse(rule["expr"]), self.families)
            for text in rule.get("annotations", {}).values():
                named = set(re.findall(r"\$labels\.(\w+)", text))
                self.assertLessEqual(named, there, rule.get("alert"))

    def test_queries_are_answered(self):
        empty = set()
        for uid, _, panel in every_panel():
            with self.subTest(f"{uid}: {panel['title']}"):
                values = [
                    float(value)
                    for target in panel.get("targets", ())
                    for _, points in self.ask(target)
                    for _, value in points
                ]
                if panel.get("targets") and not any(map(math.isfinite, values)):
                    empty.add((uid, panel["title"]))
        self.assertEqual(empty, set(EMPTY))

    def test_each_target_names_its_own(self):
        """Two lines of one panel never have the same name."""
        for uid, _, panel in every_panel():
            if panel["type"] == "table":
                continue
            names = [
                re.sub(r"\{\{(\w+)\}\}", lambda found: metric.get(found[1], ""), target["legendFormat"])
                for target in panel.get("targets", ())
                for metric, _ in self.ask(target)
            ]
            self.assertEqual(len(names), len(set(names)), f"{uid}: {panel['title']}: {sorted(names)}")

    def test_rules_are_healthy(self):
        rules = json.loads(chain.get(f"{self.chain.prometheus}/api/v1/rules"))["data"]["groups"]
        health = {rule["name"]: rule["health"] for group in rules for rule in group["rules"]}
        self.assertEqual({name for name, state in health.items() if state != "ok"}, set())

    def test_what_is_spread_over_time_adds_up(self):
        """Panels with the time of events have all that the families have, when it happened."""
        ids = "|".join(log.app_id for log in self.logs)
        chosen = {"app_id": ids}
        # All runs are in it, and points are far apart: none falls into many a stage.
        window = queries.Window(self.began - 40, self.window.end, 20, chain.SCRAPES_EVERY)
        panels = {(uid, panel["title"]): panel for uid, _, panel in every_panel()}
        for uid, title, ref, family in (
            ("stagelight-application", "CPU", "B", "stagelight_spark_stage_executor_run_time_seconds"),
            ("stagelight-stage", "Shuffle and spill", "B", "stagelight_spark_stage_shuffle_write_bytes"),
            ("stagelight-executors", "Cores by what became of their time", "A",
             "stagelight_spark_application_core_time_seconds"),
            ("stagelight-application", "Stages running", "A", "stagelight_spark_stage_elapsed_seconds"),
        ):  # fmt: skip
            target = next(t for t in panels[uid, title]["targets"] if t["refId"] == ref)
            spread = sum(
                float(value) * window.step
                for _, points in self.ask(target, window, chosen)
                for _, value in points
            )
            whole = float(self.chain.query(f'sum({family}{{app_id=~"{ids}"}})')[0]["value"][1])
            self.assertGreater(whole, 0)
            self.assertAlmostEqual(spread / whole, 1, 2, f"{uid}: {title}")
        # And when it happened: each application's own time.
        running = next(t for t in panels["stagelight-stage", "Stages running"]["targets"])
        for log in self.logs:
            for metric, points in self.ask(running, window, {"app_id": log.app_id}):
                for at, value in points:
                    if float(value) > 0:
                        self.assertTrue(log.begins <= at <= log.ends + window.step, (metric, at))


if __name__ == "__main__":
    unittest.main()
