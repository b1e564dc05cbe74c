"""What two lakes have, row for row."""

import json
import subprocess
from collections import Counter

import polars

# When a row was read.
OF_THE_READING = ("ingested_at", "seen_at")
SHOWN = 3


class Lakes:
    def __init__(self, stagelight, environment):
        self._stagelight = stagelight
        self._environment = environment

    def run(self, *args):
        return subprocess.run(
            [self._stagelight, *args], env=self._environment, capture_output=True, text=True
        )

    def _rows(self, lake, query):
        run = self.run("--lake", lake, "sql", "--format", "ndjson", query)
        if run.returncode != 0:
            raise RuntimeError(f"{query} in {lake}: {run.stderr[-500:]}")
        return [json.loads(line) for line in run.stdout.splitlines()]

    def tables(self, lake):
        """Those that ingestion fills; maintain has rolled up more or less of them."""
        query = (
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'lake'"
            " AND table_name <> 'application_totals'"
        )
        return sorted(row["table_name"] for row in self._rows(lake, query))

    def _contents(self, lake, table):
        """Every row of a table and how often it is there, but for those of messages that were no
        announcements: these went to quarantine, and one quiet reading has none."""
        place = {"quarantine": "source", "sources": "uri"}.get(table)
        contents = Counter()
        for row in self._rows(lake, f"SELECT * FROM lake.{table}"):
            if place and row[place].startswith("sqs:"):
                continue
            for column in OF_THE_READING:
                row.pop(column, None)
            contents[json.dumps(row, sort_keys=True)] += 1
        return contents

    def unreadable(self, lake):
        """For each table that another engine cannot read whole, or finds less in, what it says. What
        does not count is in the tables all the same, so that it may find more."""
        options = {
            "aws_endpoint_url": self._environment["AWS_ENDPOINT_URL"],
            "aws_allow_http": "true",
            "aws_conditional_put": "etag",
        }
        options |= {
            name.lower(): value
            for name, value in self._environment.items()
            if name.startswith("AWS_") and not name.startswith("AWS_ENDPOINT")
        }
        told = []
        for table in self.tables(lake):
            count = self._rows(lake, f"SELECT count(*) AS rows FROM lake.{table}")[0]["rows"]
            try:
                rows = polars.scan_delta(f"{lake}/{table}", storage_options=options).collect().height
            except Exception as error:
                told.append(f"{table}: {error}")
                continue
            if rows < count:
                told.append(f"{table}: {count} rows expected, another engine finds {rows}")
        return told

    def differences(self, expected, found):
        """For each table that differs, what it misses and what it has more; and how many rows were
        compared."""
        compared, differences = 0, []
        for table in self.tables(expected):
            one, other = self._contents(expected, table), self._contents(found, table)
            compared += one.total()
            if one != other:
                missing, more = one - other, other - one
                lines = [f"{table}: {one.total()} rows expected, {other.total()} found"]
                lines += [f"  missing: {row[:400]}" for row in list(missing)[:SHOWN]]
                lines += [f"  more:    {row[:400]}" for row in list(more)[:SHOWN]]
                differences.append("\n".join(lines))
        return compared, differences
