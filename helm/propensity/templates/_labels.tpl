{{/*
Labels. The component is part of every selector: without it a CronJob's pods would receive a Service's traffic.
*/}}
{{- define "propensity.releaseSelector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "propensity.selector" -}}
{{ include "propensity.releaseSelector" . }}
app.kubernetes.io/component: {{ include "propensity.component" . }}
{{- end -}}

{{/* Selector of another component: (dict "root" . "component" "mongodb"). */}}
{{- define "propensity.selectorOf" -}}
{{ include "propensity.releaseSelector" .root }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "propensity.labels" -}}
{{ include "propensity.selector" . }}
app.kubernetes.io/part-of: propensity
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* name, namespace and labels of an object of this folder; versions change, so pods do not carry these. */}}
{{- define "propensity.metadata" -}}
{{- include "propensity.metadataNamed" (dict "root" . "name" (include "propensity.name" .)) -}}
{{- end -}}

{{- define "propensity.metadataNamed" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels: {{- include "propensity.labels" .root | nindent 2 }}
{{- end -}}
