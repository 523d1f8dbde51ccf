{{/* The command line of an ingest; only what was said is handed on, so that the command's own defaults hold. */}}
{{- define "propensity.ingest.args" -}}
{{- with .Values.ingest.data -}}
{{- $args := list "ingest" (include "propensity.data.location" .) "--allow-unchanged" -}}
{{- if .map -}}
{{- $args = concat $args (list "--map" (include "propensity.ingest.pairs" .map)) -}}
{{- else -}}
{{- $args = concat $args (list "--format" .format) -}}
{{- end -}}
{{- with .types }}{{ $args = concat $args (list "--types" (include "propensity.ingest.pairs" .)) }}{{ end -}}
{{- with .timeUnit }}{{ $args = concat $args (list "--time-unit" .) }}{{ end -}}
{{- with .source }}{{ $args = concat $args (list "--source" .) }}{{ end -}}
{{- toJson $args -}}
{{- end -}}
{{- end -}}

{{- define "propensity.ingest.pairs" -}}
{{- $pairs := list -}}
{{- range $key, $value := . }}{{ $pairs = append $pairs (printf "%s=%s" $key $value) }}{{ end -}}
{{- join "," $pairs -}}
{{- end -}}
