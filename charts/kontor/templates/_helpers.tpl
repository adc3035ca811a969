{{- /* The labels of everything; takes a dictionary with root and component. */ -}}
{{- define "kontor.labels" -}}
{{ include "kontor.selector" . }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- define "kontor.selector" -}}
app.kubernetes.io/name: kontor
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "kontor.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{- /* What pods have in common: who they run as. */ -}}
{{- define "kontor.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "kontor.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "kontor.probes" -}}
livenessProbe:
  httpGet:
    path: /healthz
    port: system
  initialDelaySeconds: 10
  periodSeconds: 20
readinessProbe:
  httpGet:
    path: /readyz
    port: system
  periodSeconds: 5
{{- end -}}

{{- define "kontor.mounts" -}}
- name: system-database
  mountPath: /etc/kontor/system-database
  readOnly: true
- name: sealing-key
  mountPath: /etc/kontor/sealing-key
  readOnly: true
- name: tmp
  mountPath: /tmp
{{- end -}}

{{- define "kontor.volumes" -}}
- name: system-database
  secret:
    secretName: {{ .Values.systemDatabase.secretName }}
    defaultMode: 0440
- name: sealing-key
  secret:
    secretName: {{ .Values.sealingKey.secretName }}
    defaultMode: 0440
- name: tmp
  emptyDir: {}
{{- end -}}

{{- /* Pods start again when the Secrets that the chart makes change. */ -}}
{{- define "kontor.podAnnotations" -}}
{{- $annotations := dict -}}
{{- if or .root.Values.systemDatabase.url .root.Values.sealingKey.value -}}
{{- $_ := set $annotations "checksum/secrets" (printf "%s\n%s" .root.Values.systemDatabase.url .root.Values.sealingKey.value | sha256sum) -}}
{{- end -}}
{{- with merge (deepCopy .own) $annotations -}}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end -}}
{{- end -}}

{{- define "kontor.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
