{{/*
How long records must be kept at least, as propensity/keeping.py reckons it: pods refuse to start with less, and then a
release that helm called installed has no pod.
*/}}
{{- define "propensity.guards.retention" -}}
{{- with .Values.settings -}}
{{- $mature := addf 1 (divf .latenessHours 24) -}}
{{- $drift := divf (mulf .driftWindows .monitorWindowHours) 24 -}}
{{- $cutoffs := divf (mulf .maxCutoffs .cutoffStrideHours) 24 -}}
{{- $least := dict
  "eventRetentionDays" (dict "days" (addf (maxf 30 .burnInDays) $cutoffs $mature | ceil) "for" "a training, with the history before its first cutoff and the labels after its last,")
  "scoreRetentionDays" (dict "days" (addf (maxf 7 $drift) $mature | ceil | addf 1) "for" "joining outcomes, correcting them and judging drift")
  "outcomeRetentionDays" (dict "days" (addf .performanceDays $mature | ceil | addf 1) "for" "live performance")
  "contactRetentionDays" (dict "days" (addf .performanceDays 7 $mature | ceil | addf 1) "for" "telling users whom a campaign touched from the others")
  "refusedRetentionDays" (dict "days" (divf .monitorWindowHours 24 | ceil | addf 1) "for" "the monitor's window")
  "predictionRetentionDays" (dict "days" 2 "for" "watching a rollout")
-}}
{{- if eq .experimentMode "ab" -}}
{{- $_ := set $least "predictionRetentionDays" (dict "days" (addf .experimentDays $mature | ceil | addf 1) "for" "counting the users of an A/B from its first day") -}}
{{- end -}}
{{- range $name, $rule := $least -}}
{{- $days := index $.Values.settings $name | int -}}
{{- if and $days (lt $days (int $rule.days)) }}{{ fail (printf "settings.%s is %d, but %s needs %d days. Set it to at least %d, or to 0 to keep everything." $name $days $rule.for (int $rule.days) (int $rule.days)) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
