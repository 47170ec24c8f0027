{{- /* The tenants of the environment, by the name of their file, which is the application's. */ -}}
{{- define "tenants.here" -}}
{{- $here := dict }}
{{- range $file, $content := .Files.Glob "*.yaml" }}
{{- $tenant := fromYaml (toString $content) }}
{{- with $tenant.Error }}{{ fail (printf "%s: %s" $file .) }}{{ end }}
{{- if hasKey ($tenant.environments | default dict) $.Values.environment }}
{{- $_ := set $here (trimSuffix ".yaml" $file) (set $tenant "file" $file) }}
{{- end }}
{{- end }}
{{- toYaml $here }}
{{- end }}

{{- /* In production a lost file, or a branch that was overwritten, must not delete what runs. */ -}}
{{- define "tenants.kept" -}}
{{- if .Values.production -}}
argocd.argoproj.io/sync-options: Prune=false
argocd.argoproj.io/compare-options: IgnoreExtraneous
{{- end }}
{{- end }}
