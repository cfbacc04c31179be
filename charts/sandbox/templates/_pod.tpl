{{- /* The pod of a component. Arguments: root, name, part (of _components.tpl), chosen (of values.yaml). */}}
{{- define "sandbox.pod" -}}
{{- $root := .root }}
{{- $given := . }}
metadata:
  labels:
    {{- include "sandbox.labels" . | nindent 4 }}
  annotations:
    # A changed file replaces the pods that read it.
    sandbox/files: {{ include "sandbox.checksum" . }}
spec:
  automountServiceAccountToken: {{ hasKey .part "account" }}
  {{- with .part.account }}
  serviceAccountName: {{ . }}
  {{- end }}
  # Otherwise GRAFANA_PORT and the like would hold addresses of Kubernetes.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ add $root.Values.drainSeconds (default 20 .part.grace) }}
  {{- with $root.Values.imagePullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: {{ .part.user }}
    runAsGroup: {{ .part.group }}
    fsGroup: {{ .part.group }}
    # A volume of many files would otherwise be walked at each start.
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: {type: RuntimeDefault}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: {{ $root.Values.topologyKey }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "sandbox.selector" . | nindent 10 }}
  {{- include "sandbox.initContainers" . | nindent 2 }}
  containers:
    - name: {{ .name }}
      image: {{ index $root.Values.images (default .name .part.image) }}
      imagePullPolicy: {{ $root.Values.imagePullPolicy }}
      command: {{ toJson .part.command }}
      {{- with .part.args }}
      args: {{ toJson . }}
      {{- end }}
      env:
        {{- include "sandbox.env" . | nindent 8 }}
      ports:
        {{- range $name, $number := .part.ports }}
        - {name: {{ $name }}, containerPort: {{ $number }}}
        {{- end }}
      startupProbe:
        {{- include "sandbox.probe" .part.ready | nindent 8 }}
        periodSeconds: 1
        timeoutSeconds: 3
        failureThreshold: 180
      readinessProbe:
        {{- include "sandbox.probe" .part.ready | nindent 8 }}
        periodSeconds: 3
        timeoutSeconds: 3
      livenessProbe:
        {{- include "sandbox.probe" (default .part.ready .part.live) | nindent 8 }}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      {{- if not .part.drains }}
      lifecycle:
        preStop: {sleep: {seconds: {{ $root.Values.drainSeconds }}}}
      {{- end }}
      resources:
        {{- toYaml .chosen.resources | nindent 8 }}
      securityContext:
        {{- include "sandbox.containerSecurity" . | nindent 8 }}
      volumeMounts:
        {{- include "sandbox.mounts" . | nindent 8 }}
    {{- with .part.sidecar }}
    - name: {{ .name }}
      image: {{ index $root.Values.images .name }}
      imagePullPolicy: {{ $root.Values.imagePullPolicy }}
      command: {{ toJson .command }}
      args: {{ toJson .args }}
      env:
        {{- include "sandbox.env" (dict "root" $root "part" . "chosen" (dict "env" (dict))) | nindent 8 }}
      ports:
        {{- range $name, $number := .ports }}
        - {name: {{ $name }}, containerPort: {{ $number }}}
        {{- end }}
      readinessProbe:
        {{- include "sandbox.probe" .ready | nindent 8 }}
        periodSeconds: 3
      resources:
        {{- toYaml $given.chosen.sidecar.resources | nindent 8 }}
      securityContext:
        {{- include "sandbox.containerSecurity" . | nindent 8 }}
      volumeMounts:
        - {name: data, mountPath: {{ $given.part.data }}}
    {{- end }}
  volumes:
    {{- include "sandbox.volumes" . | nindent 4 }}
{{- end }}

{{- define "sandbox.env" -}}
{{- if .part.node }}
- {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
- {name: POD_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
- {name: NODE_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
{{- end }}
{{- if .part.peers }}
- {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
{{- end }}
{{- if .part.drains }}
- {name: DRAIN_SECONDS, value: {{ .root.Values.drainSeconds | quote }}}
{{- end }}
{{- $root := .root }}
{{- range .part.secrets }}
- {name: {{ . }}, valueFrom: {secretKeyRef: {name: {{ include "sandbox.secretOf" (dict "root" $root "key" .) }}, key: {{ . }}}}}
{{- end }}
{{- range $name, $value := merge (dict) .chosen.env .part.env }}
- {name: {{ $name }}, value: {{ $value | toString | toJson }}}
{{- end }}
{{- end }}

{{- define "sandbox.mounts" -}}
{{- range $path, $folder := .part.files }}
- {name: {{ include "sandbox.folder" $folder }}, mountPath: {{ $path }}, readOnly: true}
{{- end }}
{{- range $path, $name := .part.configs }}
- {name: {{ $name }}, mountPath: {{ $path }}, readOnly: true}
{{- end }}
{{- range $index, $path := .part.writable }}
- {name: empty-{{ $index }}, mountPath: {{ $path }}}
{{- end }}
{{- with .part.data }}
- {name: data, mountPath: {{ . }}}
{{- end }}
{{- end }}

{{- define "sandbox.volumes" -}}
{{- $root := .root }}
{{- range $path, $folder := .part.files }}
- name: {{ include "sandbox.folder" $folder }}
  {{- include "sandbox.folderVolume" (dict "root" $root "folder" $folder) | nindent 2 }}
{{- end }}
{{- range $path, $name := .part.configs }}
- name: {{ $name }}
  configMap: {name: {{ $name }}}
{{- end }}
{{- if eq .name "otel-collector" }}
- name: program
  configMap: {name: collector-files-program}
{{- end }}
{{- range $index, $path := .part.writable }}
- name: empty-{{ $index }}
  emptyDir: {sizeLimit: 256Mi}
{{- end }}
{{- end }}

{{- define "sandbox.initContainers" -}}
{{- $root := .root }}
{{- if eq .name "otel-collector" }}
initContainers:
  # Moves damaged queue files aside, which would make the collector exit at every start.
  - name: collector-files
    image: {{ $root.Values.images.python }}
    imagePullPolicy: {{ $root.Values.imagePullPolicy }}
    command: [python, /app/collector_files.py, {{ .part.data }}]
    resources: {requests: {cpu: 10m, memory: 32Mi}, limits: {memory: 64Mi}}
    securityContext:
      {{- include "sandbox.containerSecurity" . | nindent 6 }}
    volumeMounts:
      - {name: data, mountPath: {{ .part.data }}}
      - {name: program, mountPath: /app, readOnly: true}
{{- else if .part.parts }}
initContainers:
  # Each part of the frontend copies its files to the folder that the gateway serves.
  {{- range .part.parts }}
  - name: {{ . }}
    image: {{ index $root.Values.images . }}
    imagePullPolicy: {{ $root.Values.imagePullPolicy }}
    command: [python, release.py, --from=/app/dist, --to=/srv/frontend, --app={{ . }}]
    env:
      - {name: SERVICE_VERSION, value: {{ include "sandbox.tag" (index $root.Values.images .) }}}
      # Source maps are uploaded once a release, not by each pod.
      - {name: SENTRY_URL, value: ""}
    resources: {requests: {cpu: 10m, memory: 32Mi}, limits: {memory: 128Mi}}
    securityContext:
      {{- include "sandbox.containerSecurity" . | nindent 6 }}
    volumeMounts:
      - {name: empty-0, mountPath: /tmp}
      - {name: empty-1, mountPath: /srv/frontend}
  {{- end }}
{{- end }}
{{- end }}

{{- define "sandbox.checksum" -}}
{{- $root := .root }}
{{- $all := list }}
{{- range $_, $folder := .part.files }}
{{- range $path, $content := $root.Files.Glob (printf "files/%s/**" $folder) }}
{{- $all = append $all (printf "%s\n%s" $path ($content | toString)) }}
{{- end }}
{{- end }}
{{- if eq .name "otel-collector" }}
{{- $all = append $all (include "sandbox.gatewayCollector" $root) }}
{{- else if eq .name "prometheus" }}
{{- $all = append $all (include "sandbox.prometheusConfig" $root) }}
{{- else if has .part.of (list "loki" "tempo") }}
{{- $all = append $all (include (printf "sandbox.%sConfig" .part.of) $root) }}
{{- end }}
{{- $all | join "\n" | sha256sum | trunc 16 | quote }}
{{- end }}
