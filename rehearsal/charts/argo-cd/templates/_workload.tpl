{{- define "fullname" -}}
{{ .Values.fullnameOverride | default (printf "%s-%s" .Release.Name (.Values.nameOverride | default .Chart.Name)) }}
{{- end }}

{{- /*
A workload that does nothing, and its disruption budget.
Takes: root, name, part (its section of the values), replicas, and kind where it is not a Deployment.
*/}}
{{- define "workload" }}
{{- $global := .root.Values.global }}
{{- $labels := dict "app.kubernetes.io/name" .name }}
{{- with .part.pdb }}
{{- if .enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $.name }}
spec:
  selector: { matchLabels: {{ $labels | toJson }} }
  {{- if .maxUnavailable }}
  maxUnavailable: {{ .maxUnavailable }}
  {{- else }}
  minAvailable: {{ .minAvailable | default 0 }}
  {{- end }}
{{- end }}
{{- end }}
{{- with .part.serviceAccount }}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .name | default $.name }}
  annotations: {{ .annotations | default dict | toJson }}
{{- end }}
---
apiVersion: apps/v1
kind: {{ .kind | default "Deployment" }}
metadata:
  name: {{ .name }}
  labels: {{ $labels | toJson }}
spec:
  replicas: {{ .replicas }}
  {{- if eq (.kind | default "") "StatefulSet" }}
  serviceName: {{ .name }}
  {{- end }}
  selector:
    matchLabels: {{ $labels | toJson }}
  template:
    metadata:
      labels: {{ merge $labels (.part.podLabels | default dict) $global.podLabels | toJson }}
      annotations: {{ merge dict (.part.podAnnotations | default dict) $global.podAnnotations | toJson }}
    spec:
      {{- with .part.serviceAccount }}
      serviceAccountName: {{ .name | default $.name }}
      {{- end }}
      tolerations: {{ .part.tolerations | default $global.tolerations | toJson }}
      securityContext: { runAsNonRoot: true, seccompProfile: { type: RuntimeDefault } }
      containers:
        - name: {{ .name }}
          image: example.invalid/{{ .name }}
          resources: {{ .part.resources | default dict | toJson }}
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: [ALL] } }
{{- end }}
