{{/* Clients of the service inside the cluster: they wait until it answers them, and then ask in the numbers of a shape. */}}
{{- define "propensity.loadtests.pod" -}}
{{- $url := printf "http://%s-scorer" (include "propensity.fullname" .) -}}
{{- include "propensity.podSettings" (dict "root" . "uid" 10001 "placement" .Values.loadtests) }}
restartPolicy: Never
initContainers:
  - name: wait
    command: [python, -m, loadtests.waiting, {{ $url }}]
    {{- include "propensity.loadtests.container" (dict "root" . "own" "[]") | nindent 4 }}
containers:
  - name: loadtests
    args: {{ include "propensity.loadtests.args" (dict "root" . "url" $url) }}
    {{- include "propensity.loadtests.container" (dict "root" . "own" (include "propensity.loadtests.key" .)) | nindent 4 }}
volumes:
  - {name: tmp, emptyDir: {sizeLimit: 64Mi}}
{{- end -}}

{{- define "propensity.loadtests.container" -}}
{{- include "propensity.container" (dict "root" .root "image" .root.Values.loadtests.image) }}
env: {{- include "propensity.env" (dict "root" .root "component" "loadtests" "entries" (list (include "propensity.env.quiet" .root) .own) "extra" list) | nindent 2 }}
resources: {{- toYaml .root.Values.loadtests.resources | nindent 2 }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
{{- end -}}

{{/* The first key of the release, which has every scope, or the entry of the same name in your own Secret. */}}
{{- define "propensity.loadtests.key" -}}
- name: PROPENSITY_API_KEY
  valueFrom: {secretKeyRef: {name: {{ default (printf "%s-api-key" (include "propensity.fullname" .)) .Values.scorer.apiKeys.existingSecret }}, key: api-key}}
{{- end -}}

{{/* The image's own command is locust's; behaviours come last, as it wants them. */}}
{{- define "propensity.loadtests.args" -}}
{{- with .root.Values.loadtests -}}
{{- $limits := list "--max-failures" (.maxFailures | int | toString) "--max-p99-ms" (.maxP99Ms | float64 | printf "%g") -}}
{{- $shape := list "--shape" .shape "--stretch" (.stretch | float64 | printf "%g") "--crowd" (.crowd | float64 | printf "%g") -}}
{{- concat (list "--host" $.url "--only-summary" "--stop-timeout" "10") $shape $limits .behaviours | toJson -}}
{{- end -}}
{{- end -}}
