{{- /* The template of a role's pods: (dict "root" $ "role" "worker" "args" (list "worker")). With "values", the role
whose resources, service account and room to spill it has, if that is not its own. */}}
{{- define "stagelight.podTemplate" }}
{{- $root := .root }}
{{- $role := .role }}
{{- $values := index $root.Values (.values | default $role) }}
{{- $common := $root.Values.pod }}
{{- $own := $values.pod }}
{{- $port := include "stagelight.port" . }}
{{- $metrics := and (eq $role "serve") (include "stagelight.hasMetrics" $root) }}
metadata:
  labels:
    {{- include "stagelight.selector" (dict "root" $root "role" $role) | nindent 4 }}
    {{- with merge (dict) (default dict $own.labels) $common.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # A changed file is read by a new pod.
    checksum/config: {{ list (include "stagelight.config" $root) $root.Values.serve.metrics | toJson | sha256sum }}
    {{- with merge (dict) (default dict $own.annotations) $common.annotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "stagelight.serviceAccountName" (dict "root" $root "role" (.values | default $role)) }}
  # Nothing asks the API server. Pod Identity and IRSA bring tokens of their own.
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with concat (default list $own.imagePullSecrets) $common.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $own.priorityClassName | default $common.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- if or (eq $role "maintain") (eq $role "test") }}
  restartPolicy: Never
  {{- end }}
  {{- if eq $role "worker" }}
  # What it commits with when it stops, and a margin to end in.
  terminationGracePeriodSeconds: {{ add $values.drainSeconds 10 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    seccompProfile:
      type: RuntimeDefault
  {{- with merge (dict) (default dict $own.nodeSelector) $common.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with merge (deepCopy (default dict $own.affinity)) (deepCopy $common.affinity) (include "stagelight.graviton" $root | fromYaml) }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with concat (default list $own.tolerations) $common.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if eq $role "worker" }}
  {{- with $values.topologySpread }}
  topologySpreadConstraints:
    {{- $selector := include "stagelight.selector" (dict "root" $root "role" $role) | fromYaml }}
    {{- range . }}
    - {{- toYaml (merge (dict "labelSelector" (dict "matchLabels" $selector) "matchLabelKeys" (list "pod-template-hash")) .) | nindent 6 }}
    {{- end }}
  {{- end }}
  {{- end }}
  containers:
    - name: {{ $role }}
      image: {{ include "stagelight.image" $root | quote }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args: {{ toJson .args }}
      env:
        - name: STAGELIGHT_CONFIG
          value: /etc/stagelight/config.toml
        {{- if eq $role "worker" }}
        # Not in the file: a flag that must be there is not looked for in it.
        - name: STAGELIGHT_QUEUE_URL
          value: {{ include "stagelight.queueUrl" $root }}
        {{- end }}
        {{- with include "stagelight.region" $root }}
        - name: AWS_REGION
          value: {{ . }}
        {{- end }}
        {{- if $values.spill }}
        - name: TMPDIR
          value: /tmp
        {{- end }}
        {{- with concat $common.env (default list $own.env) }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with concat $common.envFrom (default list $own.envFrom) }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if $port }}
      ports:
        - name: metrics
          containerPort: {{ $port }}
      # Opening a large lake takes a while.
      startupProbe:
        httpGet: { path: /healthz, port: metrics }
        periodSeconds: 5
        failureThreshold: 60
      livenessProbe:
        httpGet: { path: /healthz, port: metrics }
        periodSeconds: 20
        timeoutSeconds: 5
      readinessProbe:
        httpGet: { path: /readyz, port: metrics }
        timeoutSeconds: 5
      {{- end }}
      resources:
        {{- $resources := deepCopy $values.resources }}
        {{- if $values.spill }}
        {{- $_ := set $resources.requests "ephemeral-storage" $values.spill }}
        {{- end }}
        {{- toYaml $resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      volumeMounts:
        - name: config
          mountPath: /etc/stagelight/config.toml
          subPath: config.toml
          readOnly: true
        {{- if $metrics }}
        - name: metrics
          mountPath: /etc/stagelight/metrics
          readOnly: true
        {{- end }}
        {{- if $values.spill }}
        - name: spill
          mountPath: /tmp
        {{- end }}
        {{- with concat $common.volumeMounts (default list $own.volumeMounts) }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ include "stagelight.fullname" $root }}
    {{- if $metrics }}
    - name: metrics
      projected:
        sources:
          {{- if $root.Values.serve.metrics }}
          - configMap:
              name: {{ include "stagelight.fullname" $root }}-metrics
          {{- end }}
          {{- with $root.Values.serve.metricsConfigMap }}
          - configMap:
              name: {{ . }}
          {{- end }}
    {{- end }}
    {{- if $values.spill }}
    - name: spill
      emptyDir:
        sizeLimit: {{ $values.spill }}
    {{- end }}
    {{- with concat $common.volumes (default list $own.volumes) }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{- define "stagelight.graviton" -}}
{{- $arm64 := list (dict "key" "kubernetes.io/arch" "operator" "In" "values" (list "arm64")) }}
{{- if eq .Values.graviton "require" }}
nodeAffinity:
  requiredDuringSchedulingIgnoredDuringExecution:
    nodeSelectorTerms:
      - matchExpressions: {{ toJson $arm64 }}
{{- else if eq .Values.graviton "prefer" }}
nodeAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      preference:
        matchExpressions: {{ toJson $arm64 }}
{{- end }}
{{- end }}
