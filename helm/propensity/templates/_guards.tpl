{{/*
Combinations that can't work are refused while rendering, each with a sentence that says what to change.
*/}}
{{- define "propensity.guards" -}}
{{- include "propensity.guards.names" . -}}
{{- include "propensity.guards.outside" . -}}
{{- include "propensity.guards.data" . -}}
{{- include "propensity.guards.operation" . -}}
{{- include "propensity.guards.retention" . -}}
{{- include "propensity.guards.scorer" . -}}
{{- include "propensity.guards.dashboard" . -}}
{{- end -}}

{{- define "propensity.guards.names" -}}
{{- $name := include "propensity.fullname" . -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) }}{{ fail (printf "No Service can be named %s. Set fullnameOverride to lower-case letters, digits and dashes, a letter first." $name) }}{{ end -}}
{{- end -}}

{{- define "propensity.guards.operation" -}}
{{- if ge (int .Values.training.activeDeadlineSeconds) (int (mulf 3600 .Values.settings.trainingDeadlineHours)) }}{{ fail (printf "training.activeDeadlineSeconds (%v) is not below settings.trainingDeadlineHours (%v): the next training could start beside one that still runs. Raise the latter." .Values.training.activeDeadlineSeconds .Values.settings.trainingDeadlineHours) }}{{ end -}}
{{- if gt (int .Values.settings.driftPersistence) (int .Values.settings.driftWindows) }}{{ fail "settings.driftPersistence is above settings.driftWindows, so no drift could ever be found. Lower it." }}{{ end -}}
{{- end -}}

{{- define "propensity.guards.scorer" -}}
{{- with .Values.scorer.autoscaling -}}
{{- if gt (int .minReplicas) (int .maxReplicas) }}{{ fail (printf "scorer.autoscaling.minReplicas (%v) is above maxReplicas (%v). Raise maxReplicas, or lower minReplicas." .minReplicas .maxReplicas) }}{{ end -}}
{{- end -}}
{{- if not (dig "requests" "cpu" "" .Values.scorer.resources) }}{{ fail "scorer.resources.requests.cpu is not set, and scorer.autoscaling.targetCpuPercent is a share of it. Set it, or the autoscaler knows nothing." }}{{ end -}}
{{- $limit := dig "limits" "memory" "" .Values.scorer.resources | toString -}}
{{- $needed := add 310 (int .Values.settings.experimentMemoryMb) -}}
{{- if and $limit (lt (include "propensity.guards.mebibytes" $limit | int) (int $needed)) }}{{ fail (printf "scorer.resources.limits.memory (%s) is below %d Mi, so a challenger that takes settings.experimentMemoryMb (%d) could end the pod beside it: the service takes 250, a challenger's libraries 60. Raise the limit, or lower the setting." $limit $needed (int .Values.settings.experimentMemoryMb)) }}{{ end -}}
{{- if and .Values.ingress.enabled .Values.ingress.tls.secretName (not .Values.ingress.host) }}{{ fail "ingress.tls.secretName is set, but ingress.host is not. Name the host the certificate is for." }}{{ end -}}
{{- if .Values.httpRoute.enabled -}}
{{- if not .Values.httpRoute.parentRefs }}{{ fail "httpRoute.enabled needs httpRoute.parentRefs. Name the Gateway it belongs to." }}{{ end -}}
{{- if not .Values.httpRoute.hostnames }}{{ fail "httpRoute.enabled needs httpRoute.hostnames. A route without one would take the paths of every host of its Gateway." }}{{ end -}}
{{- end -}}
{{- if and .Values.scorer.serviceMonitor.enabled .Values.networkPolicy.enabled (not .Values.networkPolicy.prometheus.namespaceSelector) }}{{ fail "scorer.serviceMonitor is enabled, but no policy lets Prometheus in. Set networkPolicy.prometheus.namespaceSelector to the labels of its namespace." }}{{ end -}}
{{- end -}}

{{/* A quantity of memory in MiB, rounded down. */}}
{{- define "propensity.guards.mebibytes" -}}
{{- $units := dict "" 1 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- $unit := regexFind "[A-Za-z]*$" . -}}
{{- divf (mulf (trimSuffix $unit . | float64) (get $units $unit | float64)) 1048576 | floor | int64 -}}
{{- end -}}

{{- define "propensity.guards.dashboard" -}}
{{- with .Values.dashboard -}}
{{- if and .existingSecret .oidc.existingSecret }}{{ fail "dashboard.existingSecret and dashboard.oidc.existingSecret are both set. Keep the one by which people log in." }}{{ end -}}
{{- if and .oidc.operators (not .oidc.existingSecret) }}{{ fail "dashboard.oidc.operators is set, but nobody logs in by OIDC. Set dashboard.oidc.existingSecret; with passwords, who knows `operator` may press the buttons." }}{{ end -}}
{{- if has .path (concat (list "/docs") (include "propensity.scorer.exactPaths" $ | fromYamlArray)) }}{{ fail (printf "dashboard.path is %s, which is the scorer's. Choose another." .path) }}{{ end -}}
{{- end -}}
{{- end -}}

{{/* Whether MLflow keeps anything on a volume of its own. */}}
{{- define "propensity.mlflow.isLocal" -}}
{{- if or (include "propensity.mlflow.isSqlite" .) (not .Values.mlflow.artifactsDestination) }}true{{ end -}}
{{- end -}}

{{- define "propensity.mlflow.isSqlite" -}}
{{- if and (not .Values.mlflow.existingSecret) (or (not .Values.mlflow.backendStoreUri) (hasPrefix "sqlite:" .Values.mlflow.backendStoreUri)) }}true{{ end -}}
{{- end -}}
