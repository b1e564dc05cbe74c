{{- /* The first part of every name. */}}
{{- define "stagelight.fullname" -}}
{{- $name := .Values.fullnameOverride }}
{{- if not $name }}
{{- $name = ternary .Release.Name (printf "%s-stagelight" .Release.Name) (contains "stagelight" .Release.Name) }}
{{- end }}
{{- $name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- /* What selects the pods of a release, or with a role those of it: (dict "root" $ "role" "worker"). */}}
{{- define "stagelight.selector" -}}
app.kubernetes.io/name: stagelight
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .role }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{- define "stagelight.labels" -}}
{{ include "stagelight.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "stagelight.serviceAccountName" -}}
{{- $account := (index .root.Values .role).serviceAccount }}
{{- if and (not $account.create) (not $account.name) }}
{{- fail (printf "%s.serviceAccount.name: name the account, or let the chart make it with %s.serviceAccount.create" .role .role) }}
{{- end }}
{{- $account.name | default (printf "%s-%s" (include "stagelight.fullname" .root) .role) }}
{{- end }}

{{- define "stagelight.image" -}}
{{- $image := .Values.image }}
{{- $repository := required "image.repository: name the image that you built with deploy/docker and pushed, as in 123456789012.dkr.ecr.eu-central-1.amazonaws.com/stagelight" $image.repository }}
{{- if $image.digest }}
{{- printf "%s@%s" $repository $image.digest }}
{{- else }}
{{- printf "%s:%s" $repository ($image.tag | default .Chart.AppVersion) }}
{{- end }}
{{- end }}

{{- define "stagelight.queueUrl" -}}
{{- required "queueUrl: name the SQS queue that is told of new event logs, as in https://sqs.eu-central-1.amazonaws.com/123456789012/spark-logs (deploy/terraform makes it), or set worker.enabled=false" .Values.queueUrl }}
{{- end }}

{{- define "stagelight.region" -}}
{{- $host := "^https://([^/]+[.])?sqs(-fips)?[.]([a-z0-9-]+)[.].*$" }}
{{- if .Values.region }}
{{- .Values.region }}
{{- else if regexMatch $host .Values.queueUrl }}
{{- regexReplaceAll $host .Values.queueUrl "${3}" }}
{{- end }}
{{- end }}

{{- /* How many MiB a quantity such as 2Gi is. */}}
{{- define "stagelight.mebibytes" -}}
{{- mul (regexFind "^[0-9]+" .) (ternary 1024 1 (hasSuffix "Gi" .)) }}
{{- end }}

{{- /* Memory for questions: what a role's config says, else half of its limit. The other half is for what is in
memory besides: the ledger, rollups, what is to be scraped. */}}
{{- define "stagelight.memoryMib" -}}
{{- $values := index .root.Values .role }}
{{- $limit := include "stagelight.mebibytes" $values.resources.limits.memory | int }}
{{- $mib := index $values.config "memory-mib" | default (div $limit 2) | int }}
{{- if ge $mib $limit }}
{{- fail (printf "%s.config.memory-mib: %d MiB for questions do not fit into %s.resources.limits.memory, %s" .role $mib .role $values.resources.limits.memory) }}
{{- end }}
{{- $mib }}
{{- end }}

{{- /* Settings as TOML; a string in JSON is one in TOML. */}}
{{- define "stagelight.toml" -}}
{{- range $name, $value := . }}
{{ $name }} = {{ toJson $value }}
{{- end }}
{{- end }}

{{- /* The configuration file of all roles. */}}
{{- define "stagelight.config" -}}
{{- $values := .Values }}
{{- $lake := required "lake: say where the lake is, as in s3://bucket/lake" $values.lake }}
{{- include "stagelight.toml" (merge (dict "lake" $lake) $values.config) | trim }}
{{- if $values.worker.enabled }}
{{- $inFlight := index $values.worker.config "in-flight-mib" | default 0 | int }}
{{- $limit := $values.worker.resources.limits.memory }}
{{- if ge $inFlight (include "stagelight.mebibytes" $limit | int) }}
{{- fail (printf "worker.config.in-flight-mib: %d MiB do not fit into worker.resources.limits.memory, %s" $inFlight $limit) }}
{{- end }}

[worker]
{{- include "stagelight.toml" (merge (dict
    "listen" (include "stagelight.listen" (dict "root" . "role" "worker"))
    "drain-timeout" (printf "%ds" (int $values.worker.drainSeconds))
  ) $values.worker.config) }}
{{- end }}
{{- if $values.serve.enabled }}
{{- $memory := include "stagelight.memoryMib" (dict "root" . "role" "serve") | int }}
{{- $own := dict "memory-mib" $memory "listen" (include "stagelight.listen" (dict "root" . "role" "serve")) }}
{{- if include "stagelight.hasMetrics" . }}
{{- $_ := set $own "metrics-dir" "/etc/stagelight/metrics" }}
{{- end }}

[serve]
{{- include "stagelight.toml" (merge $own $values.serve.config) }}

[sql]
memory-mib = {{ div (include "stagelight.mebibytes" $values.serve.resources.limits.memory) 4 }}
{{- end }}
{{- if $values.maintain.enabled }}

[maintain]
{{- $memory := include "stagelight.memoryMib" (dict "root" . "role" "maintain") | int }}
{{- include "stagelight.toml" (merge (dict "memory-mib" $memory) $values.maintain.config) }}
{{- end }}
{{- end }}

{{- define "stagelight.hasMetrics" -}}
{{- if or .Values.serve.metrics .Values.serve.metricsConfigMap }}true{{ end }}
{{- end }}

{{- /* The ports that roles answer on: the defaults of --listen. */}}
{{- define "stagelight.port" -}}
{{- get (dict "serve" "9464" "worker" "9465") .role }}
{{- end }}

{{- define "stagelight.listen" -}}
{{ .root.Values.listenAddress }}:{{ include "stagelight.port" . }}
{{- end }}

{{- /* The labels `job` of what is scraped. The rules ask for the first one. */}}
{{- define "stagelight.job" -}}
{{- get (dict "serve" "stagelight" "worker" "stagelight-worker") .role }}
{{- end }}
