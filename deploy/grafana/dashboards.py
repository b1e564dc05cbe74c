#!/usr/bin/env python3
"""Writes the dashboards, as Grafana's provisioning reads them, into `dashboards/`.

    python3 deploy/grafana/dashboards.py
"""

import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from boards import ALL

FOLDER = Path(__file__).parent / "dashboards"


def files():
    """What each file has to say."""
    for module in ALL:
        built = module.board().build()
        text = json.dumps(built, cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False)
        yield FOLDER / f"{built.uid}.json", text + "\n"


def main():
    FOLDER.mkdir(exist_ok=True)
    written = dict(files())
    for file in FOLDER.glob("*.json"):
        if file not in written:
            file.unlink()
    for file, text in written.items():
        file.write_text(text)


if __name__ == "__main__":
    main()
