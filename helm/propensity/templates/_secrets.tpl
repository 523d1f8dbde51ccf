{{/*
Secrets that the chart draws. Each is a hook, rendered only where it is not there or lacks an entry: what stands in a
release's manifest is kept by helm for each revision, and `helm rollback` writes it back, with keys that were revoked and
passwords that were changed since. A hook is neither rolled back nor uninstalled.
*/}}

{{/* What a Secret of this namespace holds now, by entry: (dict "root" . "name" "…") */}}
{{- define "propensity.secret.found" -}}
{{- lookup "v1" "Secret" .root.Release.Namespace .name | dig "data" dict | default dict | toJson -}}
{{- end -}}

{{/*
One that is made anew, with what it holds already: (dict "root" . "name" "…" "found" $found "made" (dict "password" "…")).
Those of lower weight come first.
*/}}
{{- define "propensity.secret" -}}
{{- $data := dict -}}
{{- range $key, $text := .made }}{{ $_ := set $data $key (b64enc $text) }}{{ end -}}
apiVersion: v1
kind: Secret
metadata:
  {{- include "propensity.metadataNamed" . | nindent 2 }}
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-weight: {{ default 0 .weight | quote }}
    helm.sh/resource-policy: keep
type: Opaque
data: {{- merge $data .found | toYaml | nindent 2 }}
{{- end -}}
