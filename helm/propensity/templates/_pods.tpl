{{/*
What every pod has in common: Pod Security "restricted", a ServiceAccount of its own without a token, no service links
(a Service named mlflow would put MLFLOW_PORT=tcp://… into every pod, and libraries read such names).
*/}}

{{/* (dict "root" . "uid" 10001 "placement" .Values.scorer), and "token" true for who calls the Kubernetes API */}}
{{- define "propensity.podSettings" -}}
serviceAccountName: {{ include "propensity.name" .root }}
automountServiceAccountToken: {{ default false .token }}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .uid }}
  runAsGroup: {{ .uid }}
  fsGroup: {{ .uid }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- with .placement.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .placement.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .placement.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .placement.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "propensity.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* image, pull policy and security of a container: (dict "root" . "image" .Values.scorer.image) */}}
{{- define "propensity.container" -}}
image: {{ include "propensity.image" . }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext: {{- include "propensity.containerSecurity" . | nindent 2 }}
{{- end -}}

{{/* The ServiceAccount of this folder's component: (dict "root" . "annotations" .Values.….annotations) */}}
{{- define "propensity.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "propensity.metadata" .root | nindent 2 }}
  {{- with .annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end -}}
