"""Which objects are put into the bucket, and in which versions."""

import hashlib
import re
from pathlib import Path

import zstandard

APP_ID = re.compile(r"(local-\d{13}|app-\d{14}-\d{4})")
# A log that is copied is cut into so many segments at most.
SEGMENTS = 6


def as_they_are(folder, prefix):
    """Every file below `folder`, as it is: key, and its only version."""
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file():
            yield f"{prefix}/{path.relative_to(folder)}", [path.read_bytes()]


def copies(folder, prefix, numbers, random):
    """A log of another application for each of `numbers`, with the events of those below `folder`:
    rolling ones, and single ones that are written while the test goes on."""
    texts = list(_texts(folder))
    for number in numbers:
        app_id, text = texts[number % len(texts)]
        other = _other_app(app_id, number)
        text = text.replace(app_id.encode(), other.encode())
        if random.random() < 0.4:
            yield f"{prefix}/{number}/{other}.inprogress", _versions(text, random)
        else:
            log = f"{prefix}/{number}/eventlog_v2_{other}"
            yield f"{log}/appstatus_{other}", [b""]
            for index, segment in enumerate(_segments(text, random), 1):
                yield f"{log}/events_{index}_{other}", [segment]


def _texts(folder):
    """Application and events of each log that is one file, plain or of zstd."""
    for path in sorted(Path(folder).rglob("*")):
        name = APP_ID.search(path.name)
        if not name or not path.is_file() or not path.stat().st_size:
            continue
        if "events_" in path.name and "events_1_" not in path.name:
            continue
        if path.suffix == ".zstd":
            reader = zstandard.ZstdDecompressor().stream_reader(
                path.read_bytes(), read_across_frames=True
            )
            try:
                text = reader.read()
            except zstandard.ZstdError:
                continue
        elif path.suffix in ("", ".inprogress"):
            text = path.read_bytes()
        else:
            continue
        whole = text[: text.rfind(b"\n") + 1]
        if whole:
            yield name.group(), whole


def _other_app(app_id, number):
    """Another id of the same form."""
    digits = int(hashlib.sha256(f"{app_id} {number}".encode()).hexdigest(), 16)
    return re.sub(r"\d{13,14}", lambda old: str(digits)[: len(old.group())], app_id, count=1)


def _segments(text, random):
    """The lines, in some segments."""
    lines = text.splitlines(keepends=True)
    count = random.randint(1, SEGMENTS)
    cuts = sorted(random.randrange(1, len(lines)) for _ in range(count - 1))
    for start, end in zip([0, *cuts], [*cuts, len(lines)]):
        if start < end:
            yield b"".join(lines[start:end])


def _versions(text, random):
    """A file that grows: cut anywhere, and at last whole."""
    cuts = sorted(random.randrange(1, len(text)) for _ in range(random.randint(1, 4)))
    return [text[:cut] for cut in cuts] + [text]
