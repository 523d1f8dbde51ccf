{{/*
Environment. Lists are put together here and written once by "propensity.env", which refuses a name that occurs twice:
the API server would take both and the last one would win in silence.
*/}}

{{- define "propensity.settingsData" -}}
{{- range $name, $value := .Values.settings }}
PROPENSITY_{{ snakecase $name | upper }}: {{ ternary $value (toJson $value) (kindIs "string" $value) | quote }}
{{- end }}
{{- end -}}

{{/* Changes when the settings do, so that pods that read them are made anew. */}}
{{- define "propensity.settingsChecksum" -}}
propensity.dev/settings-checksum: {{ include "propensity.settingsData" . | sha256sum | trunc 16 }}
{{- end -}}

{{- define "propensity.env.quiet" -}}
- {name: HOME, value: /tmp}
- {name: DO_NOT_TRACK, value: "1"}
- {name: BENTOML_DO_NOT_TRACK, value: "True"}
- {name: MLFLOW_DISABLE_TELEMETRY, value: "true"}
{{- end -}}

{{- define "propensity.env.platform" -}}
- {name: PROPENSITY_PLATFORM, value: kubernetes}
- {name: PROPENSITY_LOG_FORMAT, value: json}
- {name: PROPENSITY_HOME, value: /tmp/propensity}
- name: PROPENSITY_POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
{{- end -}}

{{/* How those that call the Kubernetes API find this release's objects. */}}
{{- define "propensity.env.cluster" -}}
- {name: PROPENSITY_RELEASE, value: {{ include "propensity.fullname" . }}}
- name: PROPENSITY_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
{{- end -}}

{{/* An address by value has no password (_guards.tpl), so it may be read, and changes and goes back with the pods. */}}
{{- define "propensity.env.store" -}}
{{- if .Values.mongodb.uri }}
- {name: PROPENSITY_STORE_URI, value: {{ .Values.mongodb.uri | quote }}}
{{- else }}
- name: PROPENSITY_STORE_URI
  valueFrom: {secretKeyRef: {name: {{ include "propensity.mongodb.secretName" . }}, key: uri}}
{{- end }}
{{- end -}}

{{- define "propensity.env.registry" -}}
- {name: MLFLOW_TRACKING_URI, value: {{ include "propensity.mlflow.uri" . | quote }}}
{{- if .Values.mlflow.credentialsSecret }}
{{- range list "MLFLOW_TRACKING_USERNAME" "MLFLOW_TRACKING_PASSWORD" "MLFLOW_TRACKING_TOKEN" }}
- name: {{ . }}
  valueFrom: {secretKeyRef: {name: {{ $.Values.mlflow.credentialsSecret }}, key: {{ . }}, optional: true}}
{{- end }}
{{- end }}
{{- end -}}

{{/* Where heavy work runs; empty is this pod alone. */}}
{{- define "propensity.env.dask" -}}
- {name: PROPENSITY_DASK_ADDRESS, value: {{ .Values.dask.address | quote }}}
{{- end -}}

{{/* Rounded up from the limit: a container sees all CPUs of its node and would start a worker for each. */}}
{{- define "propensity.env.workers" -}}
- name: PROPENSITY_WORKERS
  valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: "1"}}
{{- end -}}

{{- define "propensity.mlflow.uri" -}}
{{- default (printf "http://%s-mlflow:5000" (include "propensity.fullname" .)) .Values.mlflow.uri -}}
{{- end -}}

{{- define "propensity.hasStore" -}}
{{- if or .Values.mongodb.internal .Values.mongodb.uri .Values.mongodb.existingSecret }}true{{ end -}}
{{- end -}}

{{/* (dict "root" . "component" "training" "entries" (list of YAML texts) "extra" .Values.training.extraEnv) */}}
{{- define "propensity.env" -}}
{{- $entries := list -}}
{{- range .entries }}{{ $entries = concat $entries (fromYamlArray .) }}{{ end -}}
{{- $names := keys (include "propensity.settingsData" .root | fromYaml) -}}
{{- range $entries }}{{ $names = append $names .name }}{{ end -}}
{{- range .extra -}}
{{- if has .name $names -}}
{{- fail (printf "%s.extraEnv sets %s, which the chart sets already. Use `settings` or the value it comes from." $.component .name) -}}
{{- end -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- concat $entries (default list .extra) | toYaml -}}
{{- end -}}
