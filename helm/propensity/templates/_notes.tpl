{{/* Parts of NOTES.txt, which is rendered before anything is made: `lookup` knows what an earlier install or upgrade left. */}}

{{- define "propensity.notes.kubectl" -}}
{{- printf "kubectl --namespace %s" .Release.Namespace -}}
{{- end -}}

{{/* Where clients ask, a line each; empty where nothing is published. */}}
{{- define "propensity.notes.addresses" -}}
{{- $found := list -}}
{{- with .Values.ingress -}}
{{- $scheme := default (ternary "https" "http" (ne .tls.secretName "")) .scheme -}}
{{- if and .enabled (or .host (not $.Values.httpRoute.enabled)) }}{{ $found = append $found (printf "%s://%s" $scheme (default "ADDRESS-OF-YOUR-INGRESS" .host)) }}{{ end -}}
{{- end -}}
{{- with .Values.httpRoute -}}
{{- if .enabled }}{{ range .hostnames }}{{ $found = append $found (printf "%s://%s" $.Values.httpRoute.scheme .) }}{{ end }}{{ end -}}
{{- end -}}
{{- $found | uniq | join "\n" -}}
{{- end -}}

{{/* What came of the first training. */}}
{{- define "propensity.notes.training" -}}
{{- $kubectl := include "propensity.notes.kubectl" . -}}
{{- $said := false }}
{{- range $job := lookup "batch/v1" "Job" .Release.Namespace "" | dig "items" list }}
{{- if and (include "propensity.notes.isOurs" (dict "root" $ "found" .)) (eq (dig "metadata" "labels" "app.kubernetes.io/component" "" .) "training") }}
{{- $said = true }}
{{- $ended := dict }}
{{- range $type := list "Complete" "Failed" }}{{ $_ := set $ended $type (include "propensity.notes.condition" (dict "found" $job "type" $type) | fromJson | dig "status" "") }}{{ end }}
{{- if eq $ended.Complete "True" }}
   Job {{ .metadata.name }} is done.
{{- else if eq $ended.Failed "True" }}
   Job {{ .metadata.name }} FAILED; the last line of its log says why:
     {{ $kubectl }} logs job/{{ .metadata.name }}
   A change of values is another Job at the next helm upgrade. Where you mended what no value says (a claim, a log), take this one
   away first, then upgrade:
     {{ $kubectl }} delete job {{ .metadata.name }}
{{- else }}
   Job {{ .metadata.name }} is under way.
{{- end }}
{{- end }}
{{- end }}
{{- if not $said }}
   A Job trains it now; pods of the scorer are ready when it is done{{ if eq .Values.training.data.kind "simulator" }} (2 to 3 minutes for the simulated shop){{ end }}.
{{- end }}
{{- end -}}

{{/* Whether an object is of this release: (dict "root" . "found" …) */}}
{{- define "propensity.notes.isOurs" -}}
{{- if eq (dig "metadata" "labels" "app.kubernetes.io/instance" "" .found) .root.Release.Name }}true{{ end -}}
{{- end -}}

{{/* A condition of an object, by type. */}}
{{- define "propensity.notes.condition" -}}
{{- $condition := dict -}}
{{- range dig "status" "conditions" list .found | default list }}{{ if eq .type $.type }}{{ $condition = . }}{{ end }}{{ end -}}
{{- toJson $condition -}}
{{- end -}}
