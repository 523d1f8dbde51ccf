{{/*
Combinations that can't work are refused while rendering, each with a sentence that says what to change.
*/}}
{{- define "propensity.guards" -}}
{{- include "propensity.guards.names" . -}}
{{- include "propensity.guards.outside" . -}}
{{- include "propensity.guards.data" . -}}
{{- include "propensity.guards.operation" . -}}
{{- include "propensity.guards.scorer" . -}}
{{- include "propensity.guards.dashboard" . -}}
{{- end -}}

{{- define "propensity.guards.names" -}}
{{- $name := include "propensity.fullname" . -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) }}{{ fail (printf "No Service can be named %s. Set fullnameOverride to lower-case letters, digits and dashes, a letter first." $name) }}{{ end -}}
{{- end -}}

{{- define "propensity.guards.outside" -}}
{{- with .Values.mongodb -}}
{{- if and .internal .uri }}{{ fail "mongodb.internal and mongodb.uri are both set. Set mongodb.internal=false to use your own MongoDB, or unset mongodb.uri." }}{{ end -}}
{{- if and .uri .existingSecret }}{{ fail "mongodb.uri and mongodb.existingSecret are both set. Keep the one that holds the address." }}{{ end -}}
{{- if regexMatch "//[^/]*@" .uri }}{{ fail "mongodb.uri holds a password, which values are no place for. Put the address into a Secret under the key `uri` and name it in mongodb.existingSecret." }}{{ end -}}
{{- end -}}
{{- range $name, $address := dict "mlflow.uri" .Values.mlflow.uri "training.data.url" .Values.training.data.url "ingest.data.url" .Values.ingest.data.url -}}
{{- if regexMatch "//[^/]*@" $address }}{{ fail (printf "%s holds a password, which values are no place for. %s" $name (ternary "Name a Secret with MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD in mlflow.credentialsSecret." "Put the address into a Secret, name it in extraEnv, and write $(NAME) here." (eq $name "mlflow.uri"))) }}{{ end -}}
{{- if regexMatch "[?&](sig|[Ss]ignature|X-Amz-Signature|X-Goog-Signature|token|access_token)=" $address }}{{ fail (printf "%s is a signed address, which is a password. Put it into a Secret, name it in extraEnv, and write $(NAME) here." $name) }}{{ end -}}
{{- end -}}
{{- $jobs := or .Values.training.enabled .Values.ingest.schedule .Values.score.schedule -}}
{{- if and (not (include "propensity.hasStore" .)) (or $jobs (eq .Values.scorer.model.source "store")) -}}
{{- fail "There is no MongoDB: mongodb.internal is false, and neither mongodb.uri nor mongodb.existingSecret is set. Set one of them; without a store only scorer.model.source=image runs, with training.enabled=false and no score.schedule or ingest.schedule." -}}
{{- end -}}
{{- with .Values.mlflow -}}
{{- if and .internal .uri }}{{ fail "mlflow.internal and mlflow.uri are both set. Set mlflow.internal=false to use your own MLflow, or unset mlflow.uri." }}{{ end -}}
{{- if and (not .internal) (not .uri) $jobs }}{{ fail "There is no MLflow: mlflow.internal is false and mlflow.uri is not set. Set one of them; without MLflow only the scorer runs, with training.enabled=false and no score.schedule or ingest.schedule." }}{{ end -}}
{{- if and .backendStoreUri .existingSecret }}{{ fail "mlflow.backendStoreUri and mlflow.existingSecret are both set. Keep the one that holds the address." }}{{ end -}}
{{- if regexMatch "//[^/]*@" .backendStoreUri }}{{ fail "mlflow.backendStoreUri holds a password, which values are no place for. Put the address into a Secret under the key `backend-store-uri` and name it in mlflow.existingSecret." }}{{ end -}}
{{- if and .internal .credentialsSecret }}{{ fail "mlflow.credentialsSecret is set, but the MLflow of the chart has no login. Set mlflow.internal=false and mlflow.uri, or unset it." }}{{ end -}}
{{- if hasPrefix "file:" .artifactsDestination }}{{ fail "mlflow.artifactsDestination is a folder of the pod, which ends with it. Name an object store, or leave it empty for the volume." }}{{ end -}}
{{- if and (hasPrefix "sqlite:" .backendStoreUri) (not (hasPrefix "sqlite:////mlflow/" .backendStoreUri)) }}{{ fail "mlflow.backendStoreUri is a file outside /mlflow, where nothing is kept. Leave it empty, or name a database server." }}{{ end -}}
{{- if and (gt (int .replicas) 1) (include "propensity.mlflow.isLocal" $) }}{{ fail "mlflow.replicas is above 1, but MLflow keeps its database or artefacts on one volume. Set mlflow.existingSecret (or backendStoreUri) to a database server and mlflow.artifactsDestination to an object store first." }}{{ end -}}
{{- end -}}
{{- end -}}

{{- define "propensity.guards.operation" -}}
{{- if ge (int .Values.training.activeDeadlineSeconds) (int (mulf 3600 .Values.settings.trainingDeadlineHours)) }}{{ fail (printf "training.activeDeadlineSeconds (%v) is not below settings.trainingDeadlineHours (%v): the next training could start beside one that still runs. Raise the latter." .Values.training.activeDeadlineSeconds .Values.settings.trainingDeadlineHours) }}{{ end -}}
{{- if gt (int .Values.settings.driftPersistence) (int .Values.settings.driftWindows) }}{{ fail "settings.driftPersistence is above settings.driftWindows, so no drift could ever be found. Lower it." }}{{ end -}}
{{- end -}}

{{- define "propensity.guards.data" -}}
{{- with .Values.training.data -}}
{{- if and (eq .kind "pvc") (or (not .claim) (not .path)) }}{{ fail "training.data.kind is pvc. Name the claim in training.data.claim and the log's path in it in training.data.path." }}{{ end -}}
{{- if and (eq .kind "url") (not .url) }}{{ fail "training.data.kind is url. Set training.data.url to the event log's address." }}{{ end -}}
{{- end -}}
{{- with .Values.ingest -}}
{{- if and .schedule (eq .data.kind "none") }}{{ fail "ingest.schedule is set, but ingest.data.kind is none. Say with pvc or url where new events come from." }}{{ end -}}
{{- if and (eq .data.kind "pvc") (or (not .data.claim) (not .data.path)) }}{{ fail "ingest.data.kind is pvc. Name the claim in ingest.data.claim and the log's path in it in ingest.data.path." }}{{ end -}}
{{- if and (eq .data.kind "url") (not .data.url) }}{{ fail "ingest.data.kind is url. Set ingest.data.url to the event log's address." }}{{ end -}}
{{- end -}}
{{- end -}}

{{- define "propensity.guards.scorer" -}}
{{- with .Values.scorer.autoscaling -}}
{{- if gt (int .minReplicas) (int .maxReplicas) }}{{ fail (printf "scorer.autoscaling.minReplicas (%v) is above maxReplicas (%v). Raise maxReplicas, or lower minReplicas." .minReplicas .maxReplicas) }}{{ end -}}
{{- end -}}
{{- if and .Values.ingress.enabled .Values.ingress.tls.secretName (not .Values.ingress.host) }}{{ fail "ingress.tls.secretName is set, but ingress.host is not. Name the host the certificate is for." }}{{ end -}}
{{- if .Values.httpRoute.enabled -}}
{{- if not .Values.httpRoute.parentRefs }}{{ fail "httpRoute.enabled needs httpRoute.parentRefs. Name the Gateway it belongs to." }}{{ end -}}
{{- if not .Values.httpRoute.hostnames }}{{ fail "httpRoute.enabled needs httpRoute.hostnames. A route without one would take the paths of every host of its Gateway." }}{{ end -}}
{{- end -}}
{{- if and .Values.scorer.serviceMonitor.enabled .Values.networkPolicy.enabled (not .Values.networkPolicy.prometheus.namespaceSelector) }}{{ fail "scorer.serviceMonitor is enabled, but no policy lets Prometheus in. Set networkPolicy.prometheus.namespaceSelector to the labels of its namespace." }}{{ end -}}
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
