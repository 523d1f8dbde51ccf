{{/* Guards on what lies outside: other people's MongoDB and MLflow, and where event logs come from. */}}
{{- define "propensity.guards.outside" -}}
{{- with .Values.mongodb -}}
{{- if and .internal .uri }}{{ fail "mongodb.internal and mongodb.uri are both set. Set mongodb.internal=false to use your own MongoDB, or unset mongodb.uri." }}{{ end -}}
{{- if and .uri .existingSecret }}{{ fail "mongodb.uri and mongodb.existingSecret are both set. Keep the one that holds the address." }}{{ end -}}
{{- if regexMatch "//[^/]*@" .uri }}{{ fail "mongodb.uri holds a password, which values are no place for. Put the address into a Secret under the key `uri` and name it in mongodb.existingSecret." }}{{ end -}}
{{- if regexMatch "(?i)([?&][a-z]*password=|session_token:)" .uri }}{{ fail "mongodb.uri holds a password, which values are no place for. Put the address into a Secret under the key `uri` and name it in mongodb.existingSecret." }}{{ end -}}
{{- end -}}
{{- range $name, $address := dict "mlflow.uri" .Values.mlflow.uri "training.data.url" .Values.training.data.url "ingest.data.url" .Values.ingest.data.url -}}
{{- if regexMatch "//[^/]*@" $address }}{{ fail (printf "%s holds a password, which values are no place for. %s" $name (ternary "Name a Secret with MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD in mlflow.credentialsSecret." "Put the address into a Secret, name it in extraEnv, and write $(NAME) here." (eq $name "mlflow.uri"))) }}{{ end -}}
{{- if include "propensity.guards.isSigned" $address }}{{ fail (printf "%s is a signed address, which is a password. Put it into a Secret, name it in extraEnv, and write $(NAME) here." $name) }}{{ end -}}
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
{{- if include "propensity.guards.isSigned" .backendStoreUri }}{{ fail "mlflow.backendStoreUri holds a password, which values are no place for. Put the address into a Secret under the key `backend-store-uri` and name it in mlflow.existingSecret." }}{{ end -}}
{{- if and .internal .credentialsSecret }}{{ fail "mlflow.credentialsSecret is set, but the MLflow of the chart has no login. Set mlflow.internal=false and mlflow.uri, or unset it." }}{{ end -}}
{{- if hasPrefix "file:" .artifactsDestination }}{{ fail "mlflow.artifactsDestination is a folder of the pod, which ends with it. Name an object store, or leave it empty for the volume." }}{{ end -}}
{{- if and (hasPrefix "sqlite:" .backendStoreUri) (not (hasPrefix "sqlite:////mlflow/" .backendStoreUri)) }}{{ fail "mlflow.backendStoreUri is a file outside /mlflow, where nothing is kept. Leave it empty, or name a database server." }}{{ end -}}
{{- if and (gt (int .replicas) 1) (include "propensity.mlflow.isLocal" $) }}{{ fail "mlflow.replicas is above 1, but MLflow keeps its database or artefacts on one volume. Set mlflow.existingSecret (or backendStoreUri) to a database server and mlflow.artifactsDestination to an object store first." }}{{ end -}}
{{- end -}}
{{- end -}}

{{- define "propensity.guards.data" -}}
{{- $called := dict "training" .Values.training.enabled "ingest" (ne .Values.ingest.schedule "") -}}
{{- range $name, $data := dict "training" .Values.training.data "ingest" .Values.ingest.data -}}
{{- if and (eq $data.kind "pvc") (or (not $data.claim) (not $data.path)) }}{{ fail (printf "%s.data.kind is pvc. Name the claim in %s.data.claim and the log's path in it in %s.data.path." $name $name $name) }}{{ end -}}
{{- if and (eq $data.kind "url") (not $data.url) }}{{ fail (printf "%s.data.kind is url. Set %s.data.url to the event log's address." $name $name) }}{{ end -}}
{{- if and (eq $data.kind "url") (index $called $name) $.Values.networkPolicy.enabled -}}
{{- include "propensity.guards.port" (dict "name" (printf "%s.data.url" $name) "address" $data.url "openings" $.Values.networkPolicy.data) -}}
{{- end -}}
{{- end -}}
{{- with .Values.ingest -}}
{{- if and .schedule (eq .data.kind "none") }}{{ fail "ingest.schedule is set, but ingest.data.kind is none. Say with pvc or url where new events come from." }}{{ end -}}
{{- end -}}
{{- if and .Values.training.enabled (eq .Values.training.data.kind "simulator") (not .Values.mongodb.internal) (not .Values.training.data.simulateIntoOwnStore) -}}
{{- fail "training.data.kind is simulator, which would write a simulated shop into a MongoDB of yours, where it stays. Set training.data.kind to pvc, url or none; for a demonstration in an empty store, training.data.simulateIntoOwnStore=true." -}}
{{- end -}}
{{- end -}}

{{/* A port that no wall opens is a job that hangs: (dict "name" "training.data.url" "address" "http://…" "openings" (list)) */}}
{{- define "propensity.guards.port" -}}
{{- if regexMatch "^https?://[^$/]+" .address -}}
{{- $given := regexFind ":[0-9]+$" (regexFind "^https?://[^/?#]+" .address) | trimPrefix ":" -}}
{{- $port := default (ternary "443" "80" (hasPrefix "https:" .address)) $given -}}
{{- $open := list -}}
{{- range .openings }}{{ range .ports }}{{ $open = append $open (toString .) }}{{ end }}{{ end -}}
{{- if not (has $port $open) }}{{ fail (printf "%s is on port %s, which networkPolicy.data does not open. Add the port there (networkPolicy.data[0].ports), or set networkPolicy.enabled=false." .name $port) }}{{ end -}}
{{- end -}}
{{- end -}}

{{/* Whether an address carries in its query what opens it. */}}
{{- define "propensity.guards.isSigned" -}}
{{- if regexMatch "(?i)[?&](sig|signature|x-amz-signature|x-amz-security-token|x-goog-signature|token|access_token|api[-_]?key|password|passwd|pwd|secret)=" . }}true{{ end -}}
{{- end -}}
