{{/* The training pod, described once: for the suspended CronJob, and for the first Job after an install. */}}
{{- define "propensity.training.spec" -}}
{{- include "propensity.job.spec" (dict "root" .root "values" .root.Values.training "args" .args "data" .root.Values.training.data "own" (include "propensity.training.env" .root)) -}}
{{- end -}}

{{/* The number that the monitor or the operator claimed in the ledger; empty for the first Job and for one by hand. */}}
{{- define "propensity.training.env" -}}
- name: PROPENSITY_TRAINING
  valueFrom: {fieldRef: {fieldPath: "metadata.annotations['propensity.dev/training']"}}
{{ include "propensity.env.dask" . }}
{{- end -}}

{{- define "propensity.training.firstArgs" -}}
{{- with .Values.training.data -}}
{{- if eq .kind "simulator" }}{{ list "train" "--simulate" | toJson }}
{{- else }}{{ list "train" "--data-path" (include "propensity.data.location" .) "--format" .format | toJson }}
{{- end }}
{{- end }}
{{- end -}}
