{{- /* One text in every chart of applications: edit it in all of them (docs/charts.md says why). */ -}}

{{- /* fields of a Pod's spec besides its containers, volumes and spread */ -}}
{{- define "app.pod" -}}
serviceAccountName: {{ .Release.Name }}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "app.podLabels" -}}
{{- include "app.labels" . }}
{{- with .Values.serviceAccount.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* what the container runs */ -}}
{{- define "app.program" -}}
image: {{ include "app.image" .Values.image | quote }}
imagePullPolicy: IfNotPresent # the image of a tag never changes here
{{- with .Values.command }}
command:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.args }}
args:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "app.environment" -}}
{{- with .Values.env }}
env:
  {{- range $name, $text := . }}
  - name: {{ $name | quote }}
    value: {{ $text | quote }}
  {{- end }}
{{- end }}
{{- with include "app.envSecret" . }}
envFrom:
  - secretRef:
      name: {{ . }}
{{- end }}
{{- end }}

{{- /* what the container may do and use */ -}}
{{- define "app.limits" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
resources:
  {{- toYaml .Values.resources | nindent 2 }}
{{- $files := include "app.filesSecret" . }}
{{- if or .Values.writable $files }}
volumeMounts:
  {{- range $index, $path := .Values.writable }}
  - name: writable-{{ $index }}
    mountPath: {{ $path }}
  {{- end }}
  {{- if $files }}
  # the whole folder: the kubelet does not refresh a single file that is mounted by subPath
  - name: secrets
    mountPath: {{ .Values.secrets.mountPath }}
    readOnly: true
  {{- end }}
{{- end }}
{{- end }}

{{- define "app.volumes" -}}
{{- $files := include "app.filesSecret" . }}
{{- if or .Values.writable $files -}}
volumes:
  {{- range $index, $path := .Values.writable }}
  - name: writable-{{ $index }}
    emptyDir:
      sizeLimit: 64Mi
  {{- end }}
  {{- if $files }}
  - name: secrets
    secret:
      secretName: {{ $files }}
      defaultMode: 288 # 0440, for the group, which is fsGroup
  {{- end }}
{{- end }}
{{- end }}
