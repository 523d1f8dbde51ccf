{{/* The training pod, described once: for the suspended CronJob, and for the first Job after an install. */}}
{{- define "propensity.training.spec" -}}
{{- include "propensity.job.spec" (dict "root" .root "values" .root.Values.training "args" .args "data" .root.Values.training.data) -}}
{{- end -}}

{{- define "propensity.training.firstArgs" -}}
{{- with .Values.training.data -}}
{{- if eq .kind "simulator" }}{{ list "train" "--simulate" | toJson }}
{{- else }}{{ list "train" "--data-path" (include "propensity.data.location" .) "--format" .format | toJson }}
{{- end }}
{{- end }}
{{- end -}}
