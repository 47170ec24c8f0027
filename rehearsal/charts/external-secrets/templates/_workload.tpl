{{- /*
A Deployment that does nothing, and its disruption budget.
Takes: name, part (its section of the values). The webhook's Service must not find the pods, because nobody answers
there: it selects by `app`.
*/}}
{{- define "workload" }}
{{- $labels := dict "app.kubernetes.io/name" .name }}
{{- with .part.podDisruptionBudget }}
{{- if .enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $.name }}-pdb
spec:
  selector: { matchLabels: {{ $labels | toJson }} }
  {{- if hasKey . "maxUnavailable" }}
  maxUnavailable: {{ .maxUnavailable }}
  {{- else }}
  minAvailable: {{ .minAvailable | default 1 }}
  {{- end }}
{{- end }}
{{- end }}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .name }}
  annotations: {{ .part.serviceAccount.annotations | toJson }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .name }}
  labels: {{ $labels | toJson }}
spec:
  replicas: {{ .part.replicaCount }}
  selector:
    matchLabels: {{ $labels | toJson }}
  template:
    metadata:
      labels: {{ merge $labels .part.podLabels | toJson }}
      annotations: {{ .part.podAnnotations | toJson }}
    spec:
      serviceAccountName: {{ .name }}
      tolerations: {{ .part.tolerations | toJson }}
      topologySpreadConstraints: {{ .part.topologySpreadConstraints | toJson }}
      securityContext: { runAsNonRoot: true, seccompProfile: { type: RuntimeDefault } }
      containers:
        - name: {{ .name }}
          image: example.invalid/{{ .name }}
          resources: {{ .part.resources | toJson }}
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: [ALL] } }
{{- end }}
