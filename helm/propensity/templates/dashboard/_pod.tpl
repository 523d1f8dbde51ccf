{{/* The dashboard's pod: no right on the Kubernetes API, passwords or an identity provider before anything is shown. */}}

{{/* Without a store there is nothing to show. */}}
{{- define "propensity.dashboard.isOn" -}}
{{- if and .Values.dashboard.enabled (include "propensity.hasStore" .) }}true{{ end -}}
{{- end -}}

{{- define "propensity.dashboard.secretName" -}}
{{- default (printf "%s-dashboard" (include "propensity.fullname" .)) .Values.dashboard.existingSecret -}}
{{- end -}}

{{- define "propensity.dashboard.env" -}}
{{- $own := include "propensity.dashboard.ownEnv" . -}}
{{- $entries := list $own -}}
{{- range list "quiet" "platform" "workers" "store" "registry" }}
{{- $entries = append $entries (include (printf "propensity.env.%s" .) $) -}}
{{- end -}}
{{- include "propensity.env" (dict "root" . "component" "dashboard" "entries" $entries "extra" .Values.dashboard.extraEnv) -}}
{{- end -}}

{{- define "propensity.dashboard.ownEnv" -}}
- {name: PROPENSITY_DASHBOARD_ACCESS, value: {{ ternary "" "/run/access" (ne .Values.dashboard.oidc.existingSecret "") | quote }}}
- {name: PROPENSITY_DASHBOARD_OIDC, value: {{ ternary "true" "false" (ne .Values.dashboard.oidc.existingSecret "") | quote }}}
- {name: PROPENSITY_DASHBOARD_OPERATORS, value: {{ join "," .Values.dashboard.oidc.operators | quote }}}
# Uvicorn's: who calls is the ingress, so what it says of https is true, and a redirect stays there.
- {name: FORWARDED_ALLOW_IPS, value: "*"}
{{- end -}}

{{/* Streamlit looks for secrets.toml in the working folder. */}}
{{- define "propensity.dashboard.mounts" -}}
- {name: tmp, mountPath: /tmp}
{{- if .Values.dashboard.oidc.existingSecret }}
- {name: access, mountPath: /app/.streamlit, readOnly: true}
{{- else }}
- {name: access, mountPath: /run/access, readOnly: true}
{{- end }}
{{- end -}}

{{/* In the one Ingress of the release: some clouds make a load balancer, with an address of its own, of each. */}}
{{- define "propensity.dashboard.ingressPath" -}}
{{- if and (include "propensity.dashboard.isOn" .) .Values.dashboard.path }}
- path: {{ .Values.dashboard.path }}
  pathType: Prefix
  backend: {service: {name: {{ include "propensity.fullname" . }}-dashboard, port: {name: http}}}
{{- end }}
{{- end -}}

{{/* All of it lies under the path that the ingress sends here. */}}
{{- define "propensity.dashboard.health" -}}
httpGet: {path: {{ printf "%s/_stcore/health" (trimSuffix "/" .Values.dashboard.path) }}, port: http}
{{- end -}}
