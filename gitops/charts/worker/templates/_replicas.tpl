{{- /* One text in the charts of Deployments, web and worker: edit it in both (docs/charts.md says why). */ -}}

{{- define "app.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "app.selector" . | nindent 8 }}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "app.selector" . | nindent 8 }}
{{- end }}

{{- /*
A Deployment counts as failed after 600 seconds without progress, and Argo CD then reports it as degraded: a start that
may take longer than half of that moves the deadline, which leaves 300 seconds for a node and the image.
*/ -}}
{{- define "app.progressDeadline" -}}
{{- $seconds := .Values.probes.startupSeconds | int64 }}
{{- if gt $seconds 300 }}progressDeadlineSeconds: {{ add $seconds 300 }}{{ end }}
{{- end }}

{{- /* a check every two seconds, as many as the budget has room for */ -}}
{{- define "app.startupBudget" -}}
periodSeconds: 2
failureThreshold: {{ div (add1 (int64 .Values.probes.startupSeconds)) 2 }}
{{- end }}
