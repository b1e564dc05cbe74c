#!/usr/bin/env bash
# Installs for Python what run.py needs: 500 MB, most of it Spark. Java, Prometheus and Alertmanager
# come from the system's packages; run.py says which are missing.
set -euo pipefail
cd "$(dirname "$0")"

venv="$HOME/.cache/stagelight/local"
if ! cmp -s requirements.txt "$venv/requirements.txt"; then
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --requirement requirements.txt
    cp requirements.txt "$venv/"
fi
