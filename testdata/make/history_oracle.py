#!/usr/bin/env python3
"""What a Spark History Server answers over REST, one JSON object per attempt.

usage: history_oracle.py http://127.0.0.1:18080 OUTDIR

Standard library only. make.py calls `answers` for testdata/expected.
"""
import json
import pathlib
import sys
import urllib.error
import urllib.parse
import urllib.request

QUANTILES = "quantiles=0.05,0.25,0.5,0.75,0.95"
PLAIN = ["jobs", "allexecutors", "executors", "environment"]


def get(base, path):
    """The answer, or None where the server has none (a stage no task of which ended)."""
    try:
        with urllib.request.urlopen(f"{base}/api/v1{path}", timeout=600) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise


def answers(base, app, attempt=None):
    """Everything about one attempt of one application."""
    path = f"/applications/{urllib.parse.quote(app)}"
    out = {"application": get(base, path)}
    if attempt:
        path += f"/{urllib.parse.quote(attempt)}"
    out["stages"] = get(base, f"{path}/stages?details=false")
    out.update({name: get(base, f"{path}/{name}") for name in PLAIN})
    out["sql"] = get(base, f"{path}/sql?details=true&planDescription=true&length=10000")
    out["storage_rdd"] = get(base, f"{path}/storage/rdd")
    out.update(tasks={}, task_summary={}, stage_detail={})
    for stage in out["stages"]:
        if stage["status"] == "SKIPPED":
            continue
        key = f"{stage['stageId']}.{stage['attemptId']}"
        one = f"{path}/stages/{stage['stageId']}/{stage['attemptId']}"
        found = {
            "tasks": get(base, f"{one}/taskList?offset=0&length=1000000"),
            "task_summary": get(base, f"{one}/taskSummary?{QUANTILES}"),
            "stage_detail": get(base, f"{one}?details=false&withSummaries=true&{QUANTILES}"),
        }
        for name, value in found.items():
            if value is not None:
                out[name][key] = value
    return out


def attempts(base):
    """The applications that the server has found: pairs of id and attempt (or None)."""
    return [(app["id"], attempt.get("attemptId"))
            for app in get(base, "/applications") for attempt in app["attempts"]]


def main():
    base, outdir = sys.argv[1].rstrip("/"), pathlib.Path(sys.argv[2])
    outdir.mkdir(parents=True, exist_ok=True)
    for app, attempt in attempts(base):
        name = app + (f"_{attempt}" if attempt else "")
        text = json.dumps(answers(base, app, attempt), ensure_ascii=False, sort_keys=True, indent=1)
        (outdir / f"{name}.json").write_text(text)
        print(name)


if __name__ == "__main__":
    main()
