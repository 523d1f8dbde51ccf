{{/* Who may do what on the Kubernetes API: a Role and a RoleBinding per component that calls it. */}}

{{/* Who is there at all: rights are made with the pods that use them. Both make training Jobs, or see to what comes of them. */}}
{{- define "propensity.monitor.isOn" -}}
{{- if and .Values.training.enabled .Values.monitor.schedule }}true{{ end -}}
{{- end -}}

{{- define "propensity.operator.isOn" -}}
{{- if and .Values.training.enabled .Values.operator.enabled }}true{{ end -}}
{{- end -}}

{{/* The binding of this folder's Role to its ServiceAccount. */}}
{{- define "propensity.roleBinding" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  {{- include "propensity.metadata" . | nindent 2 }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: {{ include "propensity.name" . }}}
subjects:
  - {kind: ServiceAccount, name: {{ include "propensity.name" . }}, namespace: {{ .Release.Namespace }}}
{{- end -}}

{{/* The rules to make training Jobs from the CronJob: RBAC can't say which Jobs, training/admissionpolicy.yaml does. */}}
{{- define "propensity.role.trainingJobs" -}}
- apiGroups: [batch]
  resources: [jobs]
  verbs: [create, get]
- apiGroups: [batch]
  resources: [cronjobs]
  resourceNames: [{{ include "propensity.fullname" . }}-training]
  verbs: [get]
{{- end -}}

{{/* Name and place of an admission policy's binding; both kinds are not in a namespace. */}}
{{- define "propensity.admission.binding" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ include "propensity.clusterName" . }}
  labels: {{- include "propensity.labels" . | nindent 4 }}
spec:
  policyName: {{ include "propensity.clusterName" . }}
  validationActions: [Deny]
  matchResources:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ .Release.Namespace }}}}
{{- end -}}
