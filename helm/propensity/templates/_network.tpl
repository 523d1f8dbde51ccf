{{/*
Openings in the walls: a release's pods may neither call nor be called (release/networkpolicy.yaml) but for the rules a
component's own policy names, each made here.
*/}}

{{/* A rule to or from a component: (dict "root" . "component" "mongodb" "port" 27017) */}}
{{- define "propensity.network.peer" -}}
podSelector: {matchLabels: {{ include "propensity.selectorOf" . | fromYaml | toJson }}}
{{- end -}}

{{- define "propensity.network.dns" -}}
{{- $peers := list (omit .Values.networkPolicy.dns "cidrs") }}
{{- range .Values.networkPolicy.dns.cidrs }}{{ $peers = append $peers (dict "ipBlock" (dict "cidr" .)) }}{{ end }}
- to: {{ toJson $peers }}
  ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
{{- end -}}

{{- define "propensity.network.toComponent" -}}
- to:
    - {{ include "propensity.network.peer" . }}
  ports: [{port: {{ .port }}}]
{{- end -}}

{{/* Rules to addresses outside, from a list of {cidrs, ports}; no address is no rule, for a rule `to` nobody is one to all. */}}
{{- define "propensity.network.toOutside" -}}
{{- range . }}
{{- if .cidrs }}
- to:
  {{- range .cidrs }}
    - ipBlock: {cidr: {{ . | quote }}}
  {{- end }}
  ports:
  {{- range .ports }}
    - {port: {{ . }}}
  {{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The rules that ask the store: our own MongoDB, or the openings for one outside. */}}
{{- define "propensity.network.toStore" -}}
{{- if .Values.mongodb.internal }}
{{- include "propensity.network.toComponent" (dict "root" . "component" "mongodb" "port" 27017) }}
{{- else if include "propensity.hasStore" . }}
{{- include "propensity.network.toOutside" .Values.networkPolicy.mongodb }}
{{- end }}
{{- end -}}

{{- define "propensity.network.toRegistry" -}}
{{- if .Values.mlflow.internal }}
{{- include "propensity.network.toComponent" (dict "root" . "component" "mlflow" "port" 5000) }}
{{- else if .Values.mlflow.uri }}
{{- include "propensity.network.toOutside" .Values.networkPolicy.mlflow }}
{{- end }}
{{- end -}}

{{/* The rule that asks Dask's scheduler, where there is one; its workers are let in to the store by mongodb/networkpolicy.yaml. */}}
{{- define "propensity.network.toDask" -}}
{{- with .Values.networkPolicy.dask }}
{{- if and $.Values.dask.address .scheduler }}
- to: {{- toYaml .scheduler | nindent 4 }}
  ports:
  {{- range .ports }}
    - {port: {{ . }}}
  {{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The API server can't be named: it is matched after translation, by the address and port of the machine it runs on. */}}
{{- define "propensity.network.toApiServer" -}}
{{- include "propensity.network.toOutside" (list (dict "cidrs" .Values.networkPolicy.apiServerCidrs "ports" (list 443 6443))) }}
{{- end -}}

{{/* name, selector and directions of a component's policy */}}
{{- define "propensity.network.policy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "propensity.metadata" . | nindent 2 }}
spec:
  podSelector:
    matchLabels: {{- include "propensity.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
{{- end -}}

{{/* Rules that let in who brings requests from outside: (dict "root" . "published" true); unpublished, only who is named. */}}
{{- define "propensity.network.fromEdge" -}}
{{- $edge := .root.Values.networkPolicy.ingressController }}
{{- $usual := ternary (include "propensity.network.usualControllers" . | fromYaml) dict .published }}
{{- with default $usual $edge.namespaceSelector }}
- from: [{namespaceSelector: {{ toJson . }}}]
  ports: [{port: http}]
{{- end }}
{{- with $edge.cidrs }}
- from:
    {{- range . }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- end }}
  ports: [{port: http}]
{{- end }}
{{- end -}}

{{/* Where ingress controllers and Gateways usually live; networkPolicy.ingressController.namespaceSelector names yours. */}}
{{- define "propensity.network.usualControllers" -}}
matchExpressions:
  - key: kubernetes.io/metadata.name
    operator: In
    values: [traefik, ingress-nginx, ingress, haproxy-controller, projectcontour, kong, istio-system, istio-ingress, envoy-gateway-system, nginx-gateway, app-routing-system]
{{- end -}}
