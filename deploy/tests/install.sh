#!/usr/bin/env bash
# Installs what the checks of deploy/ need, into ~/.cache/stagelight; again does no harm.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
cache="$HOME/.cache/stagelight"
mkdir -p "$cache"

# Python
[ -x "$cache/deploy/bin/python" ] || python3 -m venv "$cache/deploy"
"$cache/deploy/bin/pip" install --quiet --requirement "$here/requirements.txt"

# Prometheus, which runs the dashboards' queries
command -v prometheus >/dev/null || {
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends prometheus >/dev/null
}
