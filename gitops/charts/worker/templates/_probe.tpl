{{- /* a check as a field of a probe */ -}}
{{- define "worker.check" -}}
{{- with .exec }}
exec:
  command:
    {{- toYaml . | nindent 4 }}
{{- end }}
{{- with .http }}
httpGet:
  path: {{ .path }}
  port: {{ .port }}
{{- end }}
{{- end }}
