{{/*
What NOTES.txt can see to be wrong. Only this namespace is looked into, and what the API server says it serves: whoever
installs need not be allowed more, and a `lookup` that is forbidden would end the install.
*/}}
{{- define "propensity.diagnosis" -}}
{{- $kubectl := include "propensity.notes.kubectl" . -}}
{{- range include "propensity.diagnosis.secrets" . | fromJsonArray }}
   {{ . }}
{{- end }}
{{- if and (.Capabilities.APIVersions.Has "apiregistration.k8s.io/v1") (not (.Capabilities.APIVersions.Has "metrics.k8s.io/v1beta1")) }}
   This cluster serves no metrics.k8s.io, so the autoscaler adds no pod: install metrics-server.
{{- end }}
{{- $name := include "propensity.fullname" . }}
{{- $active := include "propensity.notes.condition" (dict "type" "ScalingActive" "found" (lookup "autoscaling/v2" "HorizontalPodAutoscaler" .Release.Namespace (printf "%s-scorer" $name))) | fromJson }}
{{- if eq (dig "status" "" $active) "False" }}
   The autoscaler does not scale ({{ $active.reason }}): {{ $active.message }}
{{- end }}
{{- range lookup "v1" "PersistentVolumeClaim" .Release.Namespace "" | dig "items" list }}
{{- if and (eq (dig "status" "phase" "" .) "Pending") (include "propensity.notes.isOurs" (dict "root" $ "found" .)) }}
   Claim {{ .metadata.name }} has no volume yet ({{ with .spec.storageClassName }}class {{ . }}{{ else }}NO CLASS: mark one of the cluster as the default{{ end }}); why:
     {{ $kubectl }} describe pvc {{ .metadata.name }}
{{- end }}
{{- end }}
{{- $ingress := lookup "networking.k8s.io/v1" "Ingress" .Release.Namespace (printf "%s-scorer" $name) }}
{{- if and $ingress (not (dig "status" "loadBalancer" "ingress" list $ingress)) }}
   The Ingress ({{ with default (dig "metadata" "annotations" "kubernetes.io/ingress.class" "" $ingress) (dig "spec" "ingressClassName" "" $ingress) }}class {{ . }}{{ else }}NO CLASS: the cluster has no default, so set ingress.className{{ end }}) has no address. Where that lasts, no controller serves its class:
     kubectl get ingressclass
{{- end }}
{{- end -}}

{{/* Secrets that values name and the namespace does not hold. */}}
{{- define "propensity.diagnosis.secrets" -}}
{{- $named := dict "scorer.apiKeys.existingSecret" .Values.scorer.apiKeys.existingSecret "mongodb.existingSecret" .Values.mongodb.existingSecret -}}
{{- if .Values.mlflow.internal }}{{ $_ := set $named "mlflow.existingSecret" .Values.mlflow.existingSecret }}{{ else }}{{ $_ := set $named "mlflow.credentialsSecret" .Values.mlflow.credentialsSecret }}{{ end -}}
{{- if .Values.ingress.enabled }}{{ $_ := set $named "ingress.tls.secretName" .Values.ingress.tls.secretName }}{{ end -}}
{{- if include "propensity.dashboard.isOn" . -}}
{{- $_ := set $named "dashboard.existingSecret" .Values.dashboard.existingSecret -}}
{{- $_ := set $named "dashboard.oidc.existingSecret" .Values.dashboard.oidc.existingSecret -}}
{{- end -}}
{{- $missing := list -}}
{{- range $value, $name := $named -}}
{{- if and $name ($.Capabilities.APIVersions.Has "apiregistration.k8s.io/v1") (not (lookup "v1" "Secret" $.Release.Namespace $name)) -}}
{{- $missing = append $missing (printf "The Secret %s (%s) is not in this namespace; what needs it waits." $name $value) -}}
{{- end -}}
{{- end -}}
{{- toJson $missing -}}
{{- end -}}
