{{/*
Names. Helm takes a release's name with dots, a Service does not. The room left for a component is taken off the shortest limit there is: 52 characters, of a CronJob's name
(Kubernetes adds 11 for its Jobs) and of a StatefulSet's (its revision becomes a label).
*/}}
{{- define "propensity.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | replace "." "-" | trunc (int (sub 52 (len "-experiments"))) | trimSuffix "-" -}}
{{- end -}}

{{/* The component is the folder a template lies in: templates/scorer/service.yaml belongs to the scorer. */}}
{{- define "propensity.component" -}}
{{- base (dir .Template.Name) -}}
{{- end -}}

{{/* Name of the objects of the component whose folder this is. */}}
{{- define "propensity.name" -}}
{{- printf "%s-%s" (include "propensity.fullname" .) (include "propensity.component" .) -}}
{{- end -}}

{{/* Name for what is not in a namespace: no two releases may meet, so between the two stands what neither can hold. */}}
{{- define "propensity.clusterName" -}}
{{- printf "%s.%s" .Release.Namespace (include "propensity.name" .) -}}
{{- end -}}

{{- define "propensity.mongodb.secretName" -}}
{{- default (printf "%s-mongodb" (include "propensity.fullname" .)) .Values.mongodb.existingSecret -}}
{{- end -}}

{{- define "propensity.apiKeys.secretName" -}}
{{- default (printf "%s-api-keys" (include "propensity.fullname" .)) .Values.scorer.apiKeys.existingSecret -}}
{{- end -}}

{{/* The user an API server sees for a component's ServiceAccount: (dict "root" . "component" "monitor"). */}}
{{- define "propensity.serviceAccountUser" -}}
{{- printf "system:serviceaccount:%s:%s-%s" .root.Release.Namespace (include "propensity.fullname" .root) .component -}}
{{- end -}}

{{/* An image's full name: (dict "root" . "image" .Values.scorer.image). A digest says more than a tag. */}}
{{- define "propensity.image" -}}
{{- $registry := trimSuffix "/" .root.Values.image.registry -}}
{{- $name := ternary (printf "%s/%s" $registry .image.repository) .image.repository (ne $registry "") -}}
{{- if .image.digest -}}
{{- printf "%s@%s" $name .image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (coalesce .image.tag .root.Values.image.tag .root.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}
