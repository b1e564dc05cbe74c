"""Event logs of `testdata`, as if Spark wrote them now: their times moved, under another id."""

import io
import re
import time
from dataclasses import dataclass
from pathlib import Path

import zstandard

TESTDATA = Path(__file__).resolve().parents[2] / "testdata"
MILLISECONDS = re.compile(r"(?<![\d.])1[5-9]\d{11}(?!\d)")


@dataclass
class Line:
    file: str
    at: float  # when it is written, in seconds since the epoch
    text: str


def read(file):
    """The text of a segment; none where Python cannot decompress it."""
    if file.suffix == ".zstd":
        with zstandard.ZstdDecompressor().stream_reader(file.open("rb"), read_across_frames=True) as stream:
            out = io.BytesIO()
            # A log that was cut ends within a frame.
            while chunk := stream.read(1 << 16):
                out.write(chunk)
            return out.getvalue().decode(errors="replace")
    if file.suffix in (".lz4", ".lzf", ".snappy"):
        return None
    return file.read_text(errors="replace")


def roll_index(file):
    found = re.match(r"events_(\d+)_", file.name)
    return int(found[1]) if found else 0


class Log:
    """A log of `testdata`, begun at another time, under the id that Spark would give then."""

    def __init__(self, folder, begins):
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        texts = {file: read(file) for file in files if not file.name.startswith("appstatus")}
        if None in texts.values():
            raise ValueError(f"{folder} is compressed as only Spark can read it")
        self._old_id = next(file.stem for file in texts).split("_")[-1]
        self.app_id = f"local-{int(begins * 1000)}"
        started = next(
            int(re.search(r'"Timestamp":(\d+)', line)[1])
            for text in texts.values() for line in text.splitlines()
            if "SparkListenerApplicationStart" in line
        )  # fmt: skip
        self._shift = int(begins * 1000) - started
        self.status = [self._name(file, folder) for file in files if file not in texts]
        self.lines = [
            Line(self._name(file, folder), at, text)
            for file in sorted(texts, key=roll_index)
            for at, text in self._moved(texts[file])
        ]
        self.begins, self.ends = begins, max(line.at for line in self.lines)

    def _name(self, file, folder):
        name = str(file.relative_to(folder)).replace(self._old_id, self.app_id)
        return name.removesuffix(".zstd")

    def _moved(self, text):
        at = 0
        for line in text.splitlines(keepends=True):
            # Ids have a time in them that is not of the event, and so has the environment.
            line = line.replace(self._old_id, "\0")
            if "SparkListenerEnvironmentUpdate" not in line:
                at = max([at, *map(int, MILLISECONDS.findall(line))])
            line = MILLISECONDS.sub(lambda found: str(int(found[0]) + self._shift), line)
            yield (at + self._shift) / 1000, line.replace("\0", self.app_id)

    def write(self, into, until=float("inf")):
        """Appends what was written by then; true while something is left."""
        for name in self.status:
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            (into / name).touch()
        while self.lines and self.lines[0].at <= until:
            line = self.lines.pop(0)
            (into / line.file).parent.mkdir(parents=True, exist_ok=True)
            with open(into / line.file, "a", encoding="utf-8") as file:
                file.write(line.text)
        return bool(self.lines)


def feed(logs, into, every=0.5, until=None):
    """Writes logs as their time comes."""
    left = list(logs)
    while left and (until is None or time.time() < until):
        left = [log for log in left if log.write(into, time.time())]
        time.sleep(every)
