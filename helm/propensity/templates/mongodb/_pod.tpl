{{- define "propensity.mongodb.env" -}}
{{- include "propensity.env" (dict "root" . "component" "mongodb" "entries" (list (include "propensity.env.quiet" .) (include "propensity.mongodb.env.own" .)) "extra" list) -}}
{{- end -}}

{{- define "propensity.mongodb.env.own" -}}
{{- range $name, $key := dict "MONGO_INITDB_ROOT_USERNAME" "username" "MONGO_INITDB_ROOT_PASSWORD" "password" }}
- name: {{ $name }}
  valueFrom: {secretKeyRef: {name: {{ include "propensity.mongodb.secretName" $ }}, key: {{ $key }}}}
{{- end }}
{{- end -}}
