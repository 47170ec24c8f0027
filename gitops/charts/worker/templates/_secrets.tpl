{{- /* One text in every chart of applications: edit it in all of them (docs/charts.md says why). */ -}}

{{- define "app.secretStore" -}}
{{ coalesce .Values.secrets.store ((.Values.global).platform).secretStore "vault" }}
{{- end }}

{{- /*
The Secret with the environment variables. Once a version is pinned, its name changes with whatever is read, and with
it the Pod template: a commit that changes a version replaces the Pods, and its revert brings the previous Secret back.
*/ -}}
{{- define "app.envSecret" -}}
{{- with .Values.secrets }}
{{- if and .enabled .env }}
{{- $.Release.Name }}-env
{{- if .versions }}
{{- $read := dict "store" (include "app.secretStore" $) "property" .property "env" .env "versions" .versions }}
{{- printf "-%s" (toJson $read | sha256sum | trunc 8) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "app.filesSecret" -}}
{{- if and .Values.secrets.enabled .Values.secrets.files }}{{ .Release.Name }}-files{{ end }}
{{- end }}

{{- /* root: the chart's context; name: of the Secret; keys: {key of the Secret: name in the vault}; versions */ -}}
{{- define "app.externalSecret" -}}
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: {{ .name }}
  labels:
    {{- include "app.labels" .root | nindent 4 }}
  annotations:
    # Argo CD waits until it is Ready: no Pod starts without its secrets
    argocd.argoproj.io/sync-wave: "-1"
spec:
  refreshInterval: {{ .root.Values.secrets.refreshInterval }}
  secretStoreRef:
    kind: ClusterSecretStore
    name: {{ include "app.secretStore" .root | quote }}
  target:
    name: {{ .name }}
    creationPolicy: Owner
  data:
    {{- range $key, $remote := .keys }}
    - secretKey: {{ $key | quote }}
      remoteRef:
        key: {{ $remote | quote }}
        {{- with $.root.Values.secrets.property }}
        property: {{ . | quote }}
        {{- end }}
        {{- with get ($.versions | default dict) $key }}
        version: {{ . | quote }}
        {{- end }}
    {{- end }}
{{- end }}
