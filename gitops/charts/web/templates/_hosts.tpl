{{- /* the hosts as a list in JSON, the first of them the one that ingress.host names */ -}}
{{- define "web.hosts" -}}
{{- $hosts := prepend (.Values.ingress.hosts | default list) .Values.ingress.host | compact | uniq }}
{{- $zone := ((.Values.global).platform).dnsZone }}
{{- if not (or $hosts $zone) }}
{{- fail "ingress.host is empty: set it, ingress.hosts or global.platform.dnsZone, or ingress.enabled: false" }}
{{- end }}
{{- $hosts | default (list (printf "%s.%s" .Release.Name $zone)) | toJson }}
{{- end }}
