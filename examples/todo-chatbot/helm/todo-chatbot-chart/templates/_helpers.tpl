{{/* Where everything goes. */}}
{{- define "todo.namespace" -}}
{{- if .Values.namespace.create }}{{ .Values.namespace.name }}{{ else }}{{ .Release.Namespace }}{{ end }}
{{- end }}

{{- define "todo.backend" -}}
{{ .Values.name }}-backend
{{- end }}

{{- define "todo.frontend" -}}
{{ .Values.name }}-frontend
{{- end }}

{{- define "todo.postgres" -}}
{{ .Values.name }}-postgres
{{- end }}

{{- define "todo.config" -}}
{{ .Values.name }}-config
{{- end }}

{{/* Labels of the whole application. */}}
{{- define "todo.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: todo-chatbot
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{/* Labels that select a component's pods: (dict "root" $ "component" "backend"). */}}
{{- define "todo.selector" -}}
app.kubernetes.io/name: {{ .root.Values.name }}-{{ .component }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{/* Labels of a component: (dict "root" $ "component" "backend"). */}}
{{- define "todo.componentLabels" -}}
{{ include "todo.selector" . }}
app.kubernetes.io/component: {{ .component }}
{{ include "todo.labels" .root }}
{{- end }}

{{/* Labels and annotations of a component's pods. */}}
{{- define "todo.podMetadata" -}}
labels:
  {{- include "todo.selector" . | nindent 2 }}
  app.kubernetes.io/component: {{ .component }}
  app.kubernetes.io/part-of: todo-chatbot
annotations:
  checksum/config: {{ include (print .root.Template.BasePath "/configmap.yaml") .root | sha256sum }}
  {{- with include "todo.secretAnnotations" .root }}
  {{- . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* Annotations that are others when the Secret is another: pods are replaced then. */}}
{{- define "todo.secretAnnotations" -}}
{{- if .Values.secrets.create -}}
checksum/secrets: {{ include (print .Template.BasePath "/secrets.yaml") . | sha256sum }}
{{ end }}
{{- with .Values.podAnnotations }}
{{- toYaml . }}
{{- end }}
{{- end }}

{{/* A variable of the Secret's key of the same name: (dict "root" $ "name" "JWT_SECRET" "optional" true). */}}
{{- define "todo.secretVariable" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .root.Values.secrets.name }}
      key: {{ .name }}
      {{- if .optional }}
      optional: true
      {{- end }}
{{- end }}

{{/* Backend and frontend run as the images' user 1001 and write nothing to their file systems. */}}
{{- define "todo.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 1001
runAsGroup: 1001
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "todo.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: ["ALL"]
{{- end }}
