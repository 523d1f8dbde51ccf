{{/*
Pods that run one command of the jobs image and end: training, ingest, score, and what comes later. A component says its
command and its values; the rest is the same for all.
*/}}

{{/*
A Job's spec: (dict "root" . "values" .Values.training "args" (list "train") "data" .Values.training.data), and where they
are needed "own" (a YAML text of its environment) and "token" true.
Exit code 3 says that the data can't carry the work, so another try can't help; a node's failure is nobody's fault.
*/}}
{{- define "propensity.job.spec" -}}
backoffLimit: {{ .values.backoffLimit }}
activeDeadlineSeconds: {{ .values.activeDeadlineSeconds }}
ttlSecondsAfterFinished: {{ .values.ttlSecondsAfterFinished }}
podFailurePolicy:
  rules:
    - action: Ignore
      onPodConditions: [{type: DisruptionTarget, status: "True"}]
    - action: FailJob
      onExitCodes: {containerName: {{ include "propensity.component" .root }}, operator: In, values: [3]}
template:
  metadata:
    labels:
      {{- include "propensity.selector" .root | nindent 6 }}
      {{- with .values.podLabels }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    annotations: {{- include "propensity.settingsChecksum" .root | nindent 6 }}
  spec: {{- include "propensity.job.pod" . | nindent 4 }}
{{- end -}}

{{- define "propensity.job.pod" -}}
{{- $container := include "propensity.container" (dict "root" .root "image" .root.Values.training.image) -}}
{{- include "propensity.podSettings" (dict "root" .root "uid" 10001 "placement" .values "token" .token) }}
restartPolicy: Never
initContainers:
  - name: wait
    {{- $container | nindent 4 }}
    command: [propensity, wait, --seconds, {{ .root.Values.training.waitSeconds | quote }}]
    {{- include "propensity.job.container" . | nindent 4 }}
containers:
  - name: {{ include "propensity.component" .root }}
    {{- $container | nindent 4 }}
    command: {{ concat (list "propensity") .args | toJson }}
    {{- include "propensity.job.container" . | nindent 4 }}
volumes:
  - {name: tmp, emptyDir: {sizeLimit: {{ .values.scratchSize }}}}
  {{- if eq .data.kind "pvc" }}
  - {name: data, persistentVolumeClaim: {claimName: {{ .data.claim }}, readOnly: true}}
  {{- end }}
{{- end -}}

{{- define "propensity.job.container" -}}
envFrom:
  - configMapRef: {name: {{ include "propensity.fullname" .root }}-settings}
env: {{- include "propensity.job.env" . | nindent 2 }}
resources: {{- toYaml .values.resources | nindent 2 }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  {{- if eq .data.kind "pvc" }}
  - {name: data, mountPath: /data, readOnly: true}
  {{- end }}
{{- end -}}

{{- define "propensity.job.env" -}}
{{- $entries := list -}}
{{- range list "quiet" "platform" "workers" "store" "registry" }}
{{- $entries = append $entries (include (printf "propensity.env.%s" .) $.root) -}}
{{- end -}}
{{- with .own }}{{ $entries = append $entries . }}{{ end -}}
{{- $component := include "propensity.component" .root -}}
{{- include "propensity.env" (dict "root" .root "component" $component "entries" $entries "extra" .values.extraEnv) -}}
{{- end -}}

{{/*
A CronJob's fields around its Job: (dict "root" . "schedule" "…"), and "suspend" true for what never runs by itself. Where
that is not so `suspend` is left out: who holds a schedule for a while by kubectl keeps it, and upgrades do not conflict.
*/}}
{{- define "propensity.cronjob.timing" -}}
schedule: {{ .schedule | quote }}
timeZone: {{ .root.Values.timeZone }}
{{- if .suspend }}
suspend: true
{{- end }}
# Kubernetes may start a run twice or not at all: runs don't overlap, a late one still counts, and each may be repeated.
concurrencyPolicy: Forbid
startingDeadlineSeconds: 600
successfulJobsHistoryLimit: 2
failedJobsHistoryLimit: 3
{{- end -}}

{{/* Where a log lies for the command: its path in the mounted claim, or its address. */}}
{{- define "propensity.data.location" -}}
{{- if eq .kind "pvc" }}{{ printf "/data/%s" (trimPrefix "/" .path) }}{{ else }}{{ .url }}{{ end -}}
{{- end -}}
