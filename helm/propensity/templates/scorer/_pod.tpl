{{/* The longer lists of the scorer's pod. */}}

{{- define "propensity.scorer.env" -}}
{{- $entries := list (include "propensity.env.quiet" .) (include "propensity.env.platform" .) (include "propensity.scorer.env.own" .) -}}
{{- if include "propensity.hasStore" . }}{{ $entries = append $entries (include "propensity.env.store" .) }}{{ end -}}
{{- include "propensity.env" (dict "root" . "component" "scorer" "entries" $entries "extra" list) -}}
{{- end -}}

{{- define "propensity.scorer.env.own" -}}
# The parent exits where its worker dies, so that the kubelet starts both again.
- {name: BENTOML_CONTAINERIZED, value: "1"}
- {name: BENTOML_HOME, value: /var/lib/bentoml}
- {name: PROPENSITY_API_KEYS_FILE, value: /etc/propensity/api-keys/keys.json}
- {name: PROPENSITY_SPOOL_PATH, value: /var/spool/propensity}
- {name: PROPENSITY_SPOOL_MAX_MB, value: {{ .Values.scorer.spoolMaxMb | quote }}}
- {name: PROPENSITY_WORKERS, value: "1"}
{{- if eq .Values.scorer.model.source "store" }}
- name: PROPENSITY_MODEL_REFERENCE
  valueFrom: {fieldRef: {fieldPath: "metadata.annotations['propensity.dev/model']"}}
{{- end }}
{{- end -}}

{{/* Alive says nothing of the model: before the first training a pod waits for one without being restarted. */}}
{{- define "propensity.scorer.probes" -}}
startupProbe:
  httpGet: {path: /livez, port: http}
  periodSeconds: 1
  timeoutSeconds: 2
  failureThreshold: 60
readinessProbe:
  httpGet: {path: /readyz, port: http}
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 2
livenessProbe:
  httpGet: {path: /livez, port: http}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
{{- end -}}

{{- define "propensity.scorer.spread" -}}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
- maxSkew: 1
  topologyKey: {{ . }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels: {{- include "propensity.selector" $ | nindent 6 }}
  matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end -}}

{{/* What the world may ask for; /metrics, /livez and /readyz stay inside. */}}
{{- define "propensity.scorer.exactPaths" -}}
[/predict, /predict/batch, /explain, /events, /forget, /model, /docs.json]
{{- end -}}
