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

# terraform: the schema of the AWS provider, as npm has it (see terraform_provider.py).
schema=cdktf-provider-aws-21.22.1.tgz
if [ ! -e "$cache/$schema" ]; then
    unpacked=$(mktemp -d)
    npm pack --silent --pack-destination "$unpacked" @cdktf/provider-aws@21.22.1 >/dev/null
    mv "$unpacked/$schema" "$cache/$schema"
    rmdir "$unpacked"
fi
