{{/* The operator's pod: the training image, the right to call the Kubernetes API, and a file that shows it is at work. */}}

{{- define "propensity.operator.env" -}}
{{- $entries := list -}}
{{- range list "quiet" "platform" "cluster" "store" "registry" }}
{{- $entries = append $entries (include (printf "propensity.env.%s" .) $) -}}
{{- end -}}
{{- include "propensity.env" (dict "root" . "component" "operator" "entries" $entries "extra" list) -}}
{{- end -}}

{{/* Each look touches the file, also one at which everything was away: only an operator that hangs is started again. */}}
{{- define "propensity.operator.probes" -}}
startupProbe:
  exec: {command: [test, -f, /tmp/propensity/operator-health]}
  periodSeconds: 2
  failureThreshold: 90
livenessProbe:
  exec: {command: [sh, -c, "test $(( $(date +%s) - $(stat -c %Y /tmp/propensity/operator-health) )) -lt {{ add 300 (int .Values.settings.operateIntervalSeconds) }}"]}
  periodSeconds: 30
  timeoutSeconds: 5
  failureThreshold: 2
{{- end -}}
