{{- define "web.labels" -}}
{{ include "web.selector" . }}
app.kubernetes.io/part-of: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "web.selector" -}}
app.kubernetes.io/name: {{ .Release.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* a digest is more specific than a tag: if both are set, the image is pulled by digest */ -}}
{{- define "web.image" -}}
{{ .repository }}{{ with .tag }}:{{ . }}{{ end }}{{ with .digest }}@{{ . }}{{ end }}
{{- end }}

{{- define "web.secret" -}}
{{- if and .Values.secrets.enabled .Values.secrets.env }}{{ .Release.Name }}-env{{ end }}
{{- end }}
