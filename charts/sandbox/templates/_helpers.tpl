{{- /* The version in an image reference: its tag. */}}
{{- define "sandbox.tag" -}}
{{ regexReplaceAll "^.*:" . "" | quote }}
{{- end }}

{{- /* Labels of an object of a component. Arguments: root, name. */}}
{{- define "sandbox.labels" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
app.kubernetes.io/part-of: observability-sandbox
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{- /* The parts that this release has: those of _components.tpl or their distributed form, if their store is enabled. */}}
{{- define "sandbox.parts" -}}
{{- $all := include "sandbox.components" . | fromYaml }}
{{- if .Values.distributed }}
{{- $all = merge (include "sandbox.distributed" . | fromYaml) (omit $all "loki" "tempo") }}
{{- end }}
{{- $chosen := dict }}
{{- range $name, $part := $all }}
{{- if dig (default $name $part.of) "enabled" true $.Values.components }}
{{- $_ := set $chosen $name $part }}
{{- end }}
{{- end }}
{{- toYaml $chosen }}
{{- end }}

{{- /* The Secret that has a key. Arguments: root, key. */}}
{{- define "sandbox.secretOf" -}}
{{- if hasPrefix "S3_" .key }}{{ default .root.Values.secretName .root.Values.objectStorage.secretName }}{{ else }}{{ .root.Values.secretName }}{{ end }}
{{- end }}

{{- /* Labels that select the pods of a component. Arguments: root, name. */}}
{{- define "sandbox.selector" -}}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- end }}

{{- /* Name of the ConfigMap with a folder of files/. */}}
{{- define "sandbox.folder" -}}
files-{{ . | replace "/" "-" | replace "." "-" }}
{{- end }}

{{- /* A ConfigMap volume of a folder of files/, with the folder's structure. Arguments: root, folder. */}}
{{- define "sandbox.folderVolume" -}}
{{- $prefix := printf "files/%s/" .folder }}
configMap:
  name: {{ include "sandbox.folder" .folder }}
  defaultMode: 0555
  items:
    {{- range $path, $_ := .root.Files.Glob (printf "%s**" $prefix) }}
    {{- $inside := trimPrefix $prefix $path }}
    - {key: {{ $inside | replace "/" "--" | quote }}, path: {{ $inside | quote }}}
    {{- end }}
{{- end }}

{{- /* Security of a container: Pod Security "restricted", and a read-only root. */}}
{{- define "sandbox.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- /* A probe. Arguments: path, port, and host if the program checks it; or command. */}}
{{- define "sandbox.probe" -}}
{{- if .command }}
exec: {command: {{ .command | toJson }}}
{{- else }}
httpGet:
  path: {{ .path }}
  port: {{ .port }}
  {{- with .host }}
  httpHeaders: [{name: Host, value: {{ . }}}]
  {{- end }}
{{- end }}
{{- end }}
