{{- /* One text in every chart of applications: edit it in all of them (docs/charts.md says why). */ -}}

{{- /* A rule that admits Pods of namespaces to a named port, or nothing if there are none. */ -}}
{{- define "app.admit" -}}
{{- if .namespaces -}}
- from:
    {{- range .namespaces }}
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ . | quote }}
    {{- end }}
  ports:
    - port: {{ .port }}
      protocol: TCP
{{- end }}
{{- end }}

{{- define "app.admitMetrics" -}}
{{- with .Values.metrics }}
{{- if .enabled }}{{ include "app.admit" (dict "namespaces" .namespaces "port" "metrics") }}{{ end }}
{{- end }}
{{- end }}

{{- /* root: the chart's context; ingress: rules as text, of which empty ones do not count */ -}}
{{- define "app.networkPolicy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .root.Release.Name }}
  labels:
    {{- include "app.labels" .root | nindent 4 }}
  annotations:
    # before the Pods, so that they never run without it
    argocd.argoproj.io/sync-wave: "-1"
spec:
  podSelector:
    matchLabels:
      {{- include "app.selector" .root | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    {{- compact .ingress | join "\n" | default "[]" | nindent 4 }}
  egress:
    - to:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: kube-system
          podSelector:
            matchLabels:
              k8s-app: kube-dns
      ports:
        - port: 53
          protocol: UDP
        - port: 53
          protocol: TCP
    {{- with .root.Values.networkPolicy.egress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
