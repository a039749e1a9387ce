{{- define "flotilla.image" -}}
{{- $registry := required "set registry to where `make images REGISTRY=…` pushed the images" .root.Values.registry -}}
{{ printf "%s/flotilla/%s:%s" $registry .name (default .root.Chart.AppVersion .root.Values.tag) }}
{{- end }}

{{- define "flotilla.labels" -}}
app.kubernetes.io/name: flotilla
app.kubernetes.io/component: operator
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "flotilla.selector" -}}
app.kubernetes.io/name: flotilla
app.kubernetes.io/component: operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
