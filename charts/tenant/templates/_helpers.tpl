{{- define "tenant.name" -}}
{{ .Values.tenant.name | default .Release.Name }}
{{- end -}}

{{- define "tenant.labels" -}}
app.kubernetes.io/name: tenant
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: kontor
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- /* Resources of one kind, by name; takes a dictionary with root, kind and specs. */ -}}
{{- define "tenant.resources" -}}
{{- range $name, $spec := .specs }}
---
apiVersion: crm.kontor.dev/v1alpha1
kind: {{ $.kind }}
metadata:
  name: {{ $name }}
  namespace: {{ $.root.Release.Namespace }}
  labels:
    {{- include "tenant.labels" $.root | nindent 4 }}
spec:
  {{- toYaml $spec | nindent 2 }}
{{- end }}
{{- end -}}
