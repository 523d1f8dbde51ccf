{{/*
What the API server holds a training Job against, in its expression language, read off the one description of the pod.
A policy could be given the CronJob itself to compare with (paramKind), but an API server that once forgot a policy of
that kind finds no parameter for the next (seen with 1.36), and then refuses every Job of the namespace.
*/}}

{{/* An environment entry as one text, made from the manifest here and from the object by "sourcesOf" there. */}}
{{- define "propensity.admission.entries" -}}
{{- $texts := list -}}
{{- range . -}}
{{- $from := default dict .valueFrom -}}
{{- $secret := default dict $from.secretKeyRef -}}
{{- $config := default dict $from.configMapKeyRef -}}
{{- $sources := list .name (default "" .value) (dig "name" "" $secret) (dig "key" "" $secret) (dig "name" "" $config) (dig "key" "" $config) (dig "fieldRef" "fieldPath" "" $from) (dig "resourceFieldRef" "resource" "" $from) -}}
{{- $texts = append $texts (join "|" $sources) -}}
{{- end -}}
{{- $texts | uniq | toJson -}}
{{- end -}}

{{- define "propensity.admission.sourcesOf" -}}
[e.name, e.?value.orValue(''),
e.?valueFrom.?secretKeyRef.?name.orValue(''), e.?valueFrom.?secretKeyRef.?key.orValue(''),
e.?valueFrom.?configMapKeyRef.?name.orValue(''), e.?valueFrom.?configMapKeyRef.?key.orValue(''),
e.?valueFrom.?fieldRef.?fieldPath.orValue(''), e.?valueFrom.?resourceFieldRef.?resource.orValue('')].join('|')
{{- end -}}

{{/* Fields a pod may have, those that the API server fills in among them; placement is the administrator's. */}}
{{- define "propensity.admission.podFields" -}}
['serviceAccountName', 'serviceAccount', 'automountServiceAccountToken', 'enableServiceLinks', 'securityContext',
'restartPolicy', 'initContainers', 'containers', 'volumes', 'imagePullSecrets', 'dnsPolicy', 'schedulerName',
'terminationGracePeriodSeconds', 'priorityClassName', 'nodeSelector', 'tolerations', 'affinity']
{{- end -}}

{{- define "propensity.admission.containerFields" -}}
['name', 'image', 'imagePullPolicy', 'command', 'env', 'envFrom', 'resources', 'volumeMounts', 'securityContext',
'terminationMessagePath', 'terminationMessagePolicy']
{{- end -}}

{{/* The rules, each (dict "expression" "message"), for a Job's spec as it was rendered. */}}
{{- define "propensity.admission.rules" -}}
{{- $pod := .template.spec -}}
{{- $first := index $pod.initContainers 0 -}}
{{- $main := index $pod.containers 0 -}}
- expression: >-
    variables.pod.serviceAccountName == {{ toJson $pod.serviceAccountName }} && variables.pod.automountServiceAccountToken == false &&
    dyn(variables.pod).all(k, k in {{ include "propensity.admission.podFields" . | nindent 4 }})
  message: The Job's pod has another ServiceAccount, or a field that the training CronJob does not describe.
- expression: >-
    variables.pod.securityContext.runAsNonRoot && variables.pod.securityContext.runAsUser == {{ $pod.securityContext.runAsUser }} &&
    variables.pod.securityContext.seccompProfile.type == 'RuntimeDefault' &&
    dyn(variables.pod.securityContext).all(k, k in {{ keys $pod.securityContext | sortAlpha | toJson }})
  message: The Job's pod has another securityContext than the training CronJob describes.
- expression: >-
    variables.pod.initContainers.map(c, c.name) == [{{ toJson $first.name }}] && variables.pod.containers.map(c, c.name) == [{{ toJson $main.name }}] &&
    variables.pod.initContainers[0].command == {{ toJson $first.command }} &&
    variables.pod.containers[0].command == {{ toJson $main.command }}
  message: The Job runs another command than the training CronJob describes.
- expression: variables.containers.all(c, c.image == {{ toJson $main.image }})
  message: The Job runs another image than the training CronJob describes.
- expression: >-
    variables.containers.all(c, dyn(c).all(k, k in {{ include "propensity.admission.containerFields" . | nindent 4 }}) &&
    c.securityContext.allowPrivilegeEscalation == false && c.securityContext.readOnlyRootFilesystem == true &&
    c.securityContext.capabilities.drop == ['ALL'] && !has(c.securityContext.capabilities.add) &&
    dyn(c.securityContext).all(k, k in {{ keys $main.securityContext | sortAlpha | toJson }}))
  message: A container has another securityContext, or a field that the training CronJob does not describe.
- expression: >-
    variables.containers.all(c, c.envFrom.all(e, !has(e.secretRef) && e.?configMapRef.?name.orValue('') == {{ (index $main.envFrom 0).configMapRef.name | toJson }}) &&
    c.env.all(e, {{ include "propensity.admission.sourcesOf" . | nindent 4 }} in
    {{ include "propensity.admission.entries" (concat $first.env $main.env) }}))
  message: The Job's environment holds what the training CronJob does not describe.
- expression: >-
    variables.pod.volumes.all(v, dyn(v).all(k, k in ['name', 'emptyDir', 'persistentVolumeClaim']) &&
    v.?persistentVolumeClaim.?claimName.orValue('') in {{ include "propensity.admission.claims" $pod.volumes }})
  message: The Job mounts a volume that the training CronJob does not describe.
- expression: >-
    {{ toJson .template.metadata.labels }}.all(k, k in variables.labels && variables.labels[k] == {{ toJson .template.metadata.labels }}[k]) &&
    variables.labels.all(k, k in {{ concat (keys .template.metadata.labels) (list "batch.kubernetes.io/controller-uid" "batch.kubernetes.io/job-name" "controller-uid" "job-name") | sortAlpha | toJson }})
  message: The Job's pod has other labels than the training CronJob describes.
- expression: >-
    object.spec.?parallelism.orValue(1) == 1 && object.spec.?completions.orValue(1) == 1 &&
    object.spec.?backoffLimit.orValue(6) <= {{ .backoffLimit }} &&
    object.spec.?activeDeadlineSeconds.orValue(1000000000) <= {{ .activeDeadlineSeconds }}
  message: The Job may run more pods, or longer, than the training CronJob describes.
{{- end -}}

{{- define "propensity.admission.claims" -}}
{{- $claims := list "" -}}
{{- range . }}{{ with .persistentVolumeClaim }}{{ $claims = append $claims .claimName }}{{ end }}{{ end -}}
{{- toJson $claims -}}
{{- end -}}
