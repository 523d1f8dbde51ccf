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

{{/* Volumes, mounts and tolerations as texts, made there of an object (the expression) and here of the manifest. */}}
{{- define "propensity.admission.volumeText" -}}
[v.name, v.?persistentVolumeClaim.?claimName.orValue(''), dyn(string(v.?persistentVolumeClaim.?readOnly.orValue(false))),
v.?emptyDir.?medium.orValue('')].join('|')
{{- end -}}

{{- define "propensity.admission.volumes" -}}
{{- $texts := list -}}
{{- range . -}}
{{- $claim := default dict .persistentVolumeClaim -}}
{{- $texts = append $texts (printf "%s|%s|%t|" .name (default "" $claim.claimName) (default false $claim.readOnly)) -}}
{{- end -}}
{{- toJson $texts -}}
{{- end -}}

{{- define "propensity.admission.mountText" -}}
[m.name, m.mountPath, dyn(string(m.?readOnly.orValue(false))), m.?subPath.orValue(''), m.?subPathExpr.orValue(''), m.?mountPropagation.orValue('')].join('|')
{{- end -}}

{{- define "propensity.admission.mounts" -}}
{{- $texts := list -}}
{{- range . }}{{ $texts = append $texts (printf "%s|%s|%t|||" .name .mountPath (default false .readOnly)) }}{{ end -}}
{{- toJson $texts -}}
{{- end -}}

{{- define "propensity.admission.tolerationText" -}}
[t.?key.orValue(''), t.?operator.orValue(''), t.?value.orValue(''), t.?effect.orValue('')].join('|')
{{- end -}}

{{- define "propensity.admission.tolerations" -}}
{{- $texts := list -}}
{{- range . }}{{ $texts = append $texts (list (default "" .key) (default "" .operator) (default "" .value) (default "" .effect) | join "|") }}{{ end -}}
{{- toJson $texts -}}
{{- end -}}

{{/*
What the manifest says at one place, as the expression language writes it. Each value is wrapped: the API server's takes no
list or map of values of different types.
*/}}
{{- define "propensity.admission.literal" -}}
{{- $texts := list -}}
{{- if kindIs "map" . -}}
{{- range $key, $value := . }}{{ $texts = append $texts (printf "%s: dyn(%s)" (toJson $key) (include "propensity.admission.literal" $value)) }}{{ end -}}
{ {{- join ", " $texts -}} }
{{- else if kindIs "slice" . -}}
{{- range . }}{{ $texts = append $texts (printf "dyn(%s)" (include "propensity.admission.literal" .)) }}{{ end -}}
[ {{- join ", " $texts -}} ]
{{- else -}}
{{- toJson . -}}
{{- end -}}
{{- end -}}

{{/* Fields an object may have: those described, and those that the API server fills in. */}}
{{- define "propensity.admission.fields" -}}
{{- concat (keys .described) .filled | sortAlpha | toJson -}}
{{- end -}}

{{/* The rules, each (dict "expression" "message"), for a Job's spec as it was rendered. */}}
{{- define "propensity.admission.rules" -}}
{{- $pod := .template.spec -}}
{{- $first := index $pod.initContainers 0 -}}
{{- $main := index $pod.containers 0 -}}
{{- $podFields := list "serviceAccount" "dnsPolicy" "schedulerName" "terminationGracePeriodSeconds" }}
- expression: >-
    variables.pod.serviceAccountName == {{ toJson $pod.serviceAccountName }} && variables.pod.automountServiceAccountToken == false &&
    dyn(variables.pod).all(k, k in {{ include "propensity.admission.fields" (dict "described" $pod "filled" $podFields) }})
  message: The Job's pod has another ServiceAccount, or a field that the training CronJob does not describe.
- expression: >-
    variables.pod.securityContext.runAsNonRoot && variables.pod.securityContext.runAsUser == {{ $pod.securityContext.runAsUser }} &&
    variables.pod.securityContext.runAsGroup == {{ $pod.securityContext.runAsGroup }} && variables.pod.securityContext.fsGroup == {{ $pod.securityContext.fsGroup }} &&
    variables.pod.securityContext.seccompProfile.type == 'RuntimeDefault' &&
    dyn(variables.pod.securityContext).all(k, k in {{ keys $pod.securityContext | sortAlpha | toJson }})
  message: The Job's pod has another securityContext than the training CronJob describes.
- expression: >-
    variables.pod.initContainers.map(c, c.name) == [{{ toJson $first.name }}] && variables.pod.containers.map(c, c.name) == [{{ toJson $main.name }}] &&
    variables.pod.initContainers[0].command == {{ toJson $first.command }} &&
    variables.pod.containers[0].command == {{ toJson $main.command }}
  message: The Job runs another command than the training CronJob describes.
- expression: variables.pod.?dnsPolicy.orValue('ClusterFirst') == 'ClusterFirst'
  message: The Job's pod asks another DNS than the training CronJob describes.
- expression: variables.containers.all(c, c.image == {{ toJson $main.image }})
  message: The Job runs another image than the training CronJob describes.
- expression: >-
    variables.containers.all(c, dyn(c).all(k, k in {{ include "propensity.admission.fields" (dict "described" $main "filled" (list "terminationMessagePath" "terminationMessagePolicy")) }}) &&
    c.terminationMessagePath == '/dev/termination-log' &&
    c.securityContext.allowPrivilegeEscalation == false && c.securityContext.readOnlyRootFilesystem == true &&
    c.securityContext.capabilities.drop == ['ALL'] && !has(c.securityContext.capabilities.add) &&
    dyn(c.securityContext).all(k, k in {{ keys $main.securityContext | sortAlpha | toJson }}))
  message: A container has another securityContext, or a field that the training CronJob does not describe.
- expression: >-
    variables.containers.all(c, c.envFrom.all(e, !has(e.secretRef) && !has(e.prefix) && e.?configMapRef.?name.orValue('') == {{ (index $main.envFrom 0).configMapRef.name | toJson }}) &&
    c.env.all(e, {{ include "propensity.admission.sourcesOf" . | nindent 4 }} in
    {{ include "propensity.admission.entries" (concat $first.env $main.env) }}))
  message: The Job's environment holds what the training CronJob does not describe.
- expression: >-
    variables.pod.volumes.all(v, dyn(v).all(k, k in ['name', 'emptyDir', 'persistentVolumeClaim']) && (!has(v.emptyDir) || has(v.emptyDir.sizeLimit)) &&
    {{ include "propensity.admission.volumeText" . | nindent 4 }} in {{ include "propensity.admission.volumes" $pod.volumes }}) &&
    variables.containers.all(c, c.volumeMounts.all(m,
    {{ include "propensity.admission.mountText" . }} in {{ include "propensity.admission.mounts" $main.volumeMounts }}))
  message: The Job mounts a volume, or one at a place, that the training CronJob does not describe.
- expression: >-
    variables.pod.?priorityClassName.orValue('') == {{ default "" $pod.priorityClassName | toJson }} &&
    variables.pod.?nodeSelector.orValue({}) == {{ default dict $pod.nodeSelector | toJson }} &&
    dyn(variables.pod).?affinity.orValue(dyn({})) == dyn({{ include "propensity.admission.literal" (default dict $pod.affinity) }}) &&
    variables.pod.?schedulerName.orValue('default-scheduler') == 'default-scheduler' &&
    variables.pod.?tolerations.orValue([]).all(t, {{ include "propensity.admission.tolerationText" . }} in {{ include "propensity.admission.tolerations" $pod.tolerations }})
  message: The Job's pod has another priority or place than the training CronJob describes.
- expression: >-
    {{ toJson .template.metadata.labels }}.all(k, k in variables.labels && variables.labels[k] == {{ toJson .template.metadata.labels }}[k]) &&
    variables.labels.all(k, k in {{ concat (keys .template.metadata.labels) (list "batch.kubernetes.io/controller-uid" "batch.kubernetes.io/job-name" "controller-uid" "job-name") | sortAlpha | toJson }})
  message: The Job's pod has other labels than the training CronJob describes.
# Sidecar injectors, identity and network plug-ins take orders from annotations.
- expression: >-
    variables.annotations.all(k, k == 'propensity.dev/training' || (k in {{ toJson .template.metadata.annotations }} && variables.annotations[k] == {{ toJson .template.metadata.annotations }}[k])) &&
    !has(object.spec.template.metadata.finalizers)
  message: The Job's pod has an annotation other than propensity.dev/training, or a finalizer, that the training CronJob does not describe.
- expression: >-
    dyn(object.spec).?podFailurePolicy.orValue(dyn({})) == dyn({{ include "propensity.admission.literal" .podFailurePolicy }}) && !has(object.spec.managedBy) && !object.spec.?manualSelector.orValue(false) &&
    object.spec.?completionMode.orValue('NonIndexed') == 'NonIndexed' &&
    object.spec.?parallelism.orValue(1) == 1 && object.spec.?completions.orValue(1) == 1 &&
    object.spec.?backoffLimit.orValue(6) <= {{ .backoffLimit }} &&
    object.spec.?activeDeadlineSeconds.orValue(1000000000) <= {{ .activeDeadlineSeconds }} &&
    object.spec.?ttlSecondsAfterFinished.orValue(1000000000) <= {{ .ttlSecondsAfterFinished }}
  message: The Job may run more pods, longer or otherwise than the training CronJob describes.
- expression: >-
    object.metadata.name.matches('^{{ $pod.serviceAccountName }}-[0-9]+$') &&
    (!('propensity.dev/training' in variables.annotations) || object.metadata.name == '{{ $pod.serviceAccountName }}-' + variables.annotations['propensity.dev/training'])
  message: The Job is not named by the number of its training, so that one number could be trained twice.
{{- end -}}
