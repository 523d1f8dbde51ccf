{{/* What both containers of the MLflow pod have. */}}
{{- define "propensity.mlflow.container" -}}
{{- $entries := list (include "propensity.env.quiet" .) (include "propensity.mlflow.env" .) -}}
{{- include "propensity.container" (dict "root" . "image" .Values.mlflow.image) }}
env: {{- include "propensity.env" (dict "root" . "component" "mlflow" "entries" $entries "extra" .Values.mlflow.extraEnv) | nindent 2 }}
resources: {{- toYaml .Values.mlflow.resources | nindent 2 }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  {{- if include "propensity.mlflow.isLocal" . }}
  - {name: data, mountPath: /mlflow}
  {{- end }}
{{- end -}}

{{- define "propensity.mlflow.env" -}}
{{- if .Values.mlflow.existingSecret }}
- name: MLFLOW_BACKEND_STORE_URI
  valueFrom: {secretKeyRef: {name: {{ .Values.mlflow.existingSecret }}, key: backend-store-uri}}
{{- else }}
- {name: MLFLOW_BACKEND_STORE_URI, value: {{ default "sqlite:////mlflow/mlflow.db" .Values.mlflow.backendStoreUri | quote }}}
{{- end }}
- {name: MLFLOW_ARTIFACTS_DESTINATION, value: {{ default "/mlflow/artifacts" .Values.mlflow.artifactsDestination | quote }}}
# Its job runner is eight more processes and 1.4 GB that nothing here uses.
- {name: MLFLOW_SERVER_ENABLE_JOB_EXECUTION, value: "false"}
- {name: MLFLOW_SERVER_ALLOWED_HOSTS, value: {{ include "propensity.mlflow.allowedHosts" . | quote }}}
{{- end -}}

{{/* MLflow refuses other Host headers; naming some replaces its own defaults, and the port is part of a name. */}}
{{- define "propensity.mlflow.allowedHosts" -}}
{{- $name := include "propensity.name" . -}}
{{- $hosts := list "localhost:*" "127.0.0.1:*" -}}
{{- range list $name (printf "%s.%s" $name .Release.Namespace) (printf "%s.%s.svc" $name .Release.Namespace) (printf "%s.%s.svc.cluster.local" $name .Release.Namespace) -}}
{{- $hosts = append $hosts (printf "%s:5000" .) -}}
{{- end -}}
{{- concat $hosts .Values.mlflow.allowedHosts | join "," -}}
{{- end -}}

{{/* /health is exempt from the check of the Host header. */}}
{{- define "propensity.mlflow.probes" -}}
{{- $probe := dict "path" "/health" "port" "http" | toJson -}}
startupProbe: {httpGet: {{ $probe }}, periodSeconds: 2, timeoutSeconds: 5, failureThreshold: 90}
readinessProbe: {httpGet: {{ $probe }}, periodSeconds: 5, timeoutSeconds: 5}
livenessProbe: {httpGet: {{ $probe }}, periodSeconds: 20, timeoutSeconds: 10, failureThreshold: 3}
{{- end -}}
