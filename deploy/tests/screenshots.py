#!/usr/bin/env python3
"""Draws docs/dashboards/*.png: logs of `testdata` written as Spark writes them, for some minutes.

    STAGELIGHT_BINARY=target/release/stagelight python3 deploy/tests/screenshots.py
"""

import sys
import time

import chain
from replay import TESTDATA, Log, feed

ROOT = chain.ROOT
sys.path.insert(0, str(ROOT / "deploy" / "grafana"))

from plots import Plot  # noqa: E402
from queries import dashboards  # noqa: E402

FINISHED, LIVE = 240, 270  # seconds
# What the dashboards of one application show.
CHOSEN = {
    "stagelight-application": {"app_name": "clickstream-backfill|catalog-reindex"},
    "stagelight-stage": {"app_name": "sessions-sort"},
}


def main():
    if missing := chain.missing():
        sys.exit(f"there is no {', no '.join(missing)}")
    runs = sorted((TESTDATA / "runs").iterdir())
    names = ["orders-aqe-40", "spill-40", "retry-40", "rolled-40", "killed-40", "orders-aqe-40",
             "spill-40", "billing-plain-35"]  # fmt: skip
    with chain.Chain("--threshold", "price_per_core_hour=0.05") as started:
        begins = time.time()
        # Some have ended and are read now; others write while they are read.
        for n, run in enumerate(runs[:6]):
            Log(run, begins - FINISHED + 37 * n).write(started.watched)
        for name in ("failure-40", "executors-40", "streaming-40"):
            started.put(TESTDATA / "logs" / name)
        folders = [TESTDATA / "logs" / name for name in names] + runs[6:]
        logs = [Log(folder, begins + 5.5 + 19 * n) for n, folder in enumerate(folders)]
        feed(logs, started.watched, until=begins + LIVE - 90)
        bad = started.folder / "bad"
        bad.mkdir()
        (bad / "events_1_local-1").write_text('{"Event": nonsense\n')
        started.put(bad)
        feed(logs, started.watched, until=begins + LIVE)
        end = time.time()
        for uid, dashboard in dashboards().items():
            plot = Plot(
                started.prometheus, begins - FINISHED, end, chain.SCRAPES_EVERY, CHOSEN.get(uid)
            )
            print(plot.save(dashboard, ROOT / "docs" / "dashboards" / f"{uid}.png"))


if __name__ == "__main__":
    main()
