#!/usr/bin/env bash
# Installs what the checks of deploy/ need into ~/.cache/stagelight, once.
set -euo pipefail
cd "$(dirname "$0")"

cache="$HOME/.cache/stagelight"
venv="$cache/deploy"
if ! cmp -s requirements.txt "$venv/requirements.txt"; then
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --requirement requirements.txt
    cp requirements.txt "$venv/"
fi

# local: Spark, an emulator of S3 and SQS; Prometheus, Alertmanager and Java.
../local/install.sh
packages=()
command -v prometheus >/dev/null || packages+=(prometheus)
command -v prometheus-alertmanager >/dev/null || packages+=(prometheus-alertmanager)
command -v java >/dev/null || packages+=(openjdk-17-jre-headless)
if [ "${#packages[@]}" -gt 0 ]; then
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi
