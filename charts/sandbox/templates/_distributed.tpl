{{- /*
The stores as distributed systems (values.yaml, `distributed`): parts as in _components.tpl, and
  of        the store that it is a part of: enabled with it, and what its metrics are labelled with
  image     its image, where it is not named like the part
  service   name of its Service, where others use it under the name of the store
  peers     it needs its own address, and other parts need the address of each of its pods
*/}}
{{- define "sandbox.distributed" -}}
{{- range $target := list "distributor" "ingester" "querier" "query-frontend" "compactor" }}
loki-{{ $target }}:
  of: loki
  image: loki
  command: [/usr/bin/loki]
  args: [-config.file=/etc/kubernetes/loki.yml, -config.expand-env=true, -target={{ $target }}]
  user: 10001
  group: 10001
  ports: {http: 3100, grpc: 9096, gossip: 7946}
  ready: {path: /ready, port: 3100}
  configs: {/etc/kubernetes: loki-distributed}
  peers: true
  {{- if eq $target "ingester" }}
  writable: [/tmp]
  data: /loki
  grace: 60
  {{- else }}
  writable: [/tmp, /loki]
  {{- end }}
  {{- if eq $target "query-frontend" }}
  service: loki
  {{- end }}
  {{- include "sandbox.objectStorageEnv" $ | nindent 2 }}
    GOGC: "40"
    GOMEMLIMIT: 200MiB
{{- end }}
{{- range $target := list "distributor" "ingester" "querier" "query-frontend" "compactor" "metrics-generator" }}
tempo-{{ $target }}:
  of: tempo
  image: tempo
  command: [/tempo]
  args: [-config.file=/etc/kubernetes/tempo.yml, -config.expand-env=true, -target={{ $target }}]
  user: 10001
  group: 10001
  ports: {http: 3200, grpc: 9095, gossip: 7946{{ if eq $target "distributor" }}, otlp-grpc: 4319{{ end }}}
  ready: {path: /ready, port: 3200}
  configs: {/etc/kubernetes: tempo-distributed}
  peers: true
  {{- if eq $target "ingester" }}
  data: /var/tempo
  grace: 60
  {{- else }}
  writable: [/var/tempo]
  {{- end }}
  {{- if eq $target "query-frontend" }}
  service: tempo
  {{- end }}
  {{- include "sandbox.objectStorageEnv" $ | nindent 2 }}
    GOGC: "40"
    GOMEMLIMIT: 200MiB
{{- end }}
thanos-query:
  of: prometheus
  image: thanos
  command: [/bin/thanos, query]
  args:
    # The port of Prometheus, whose readers it serves.
    - --http-address=0.0.0.0:9090
    - --grpc-address=0.0.0.0:10901
    # Labels that it leaves out: the one in which the pair differs, and what a Prometheus adds for others only.
    - --query.replica-label=replica
    - --query.replica-label=sandbox
    - --query.replica-label=grafana
    - --endpoint=dns+prometheus-pods:10901
    - --endpoint=dns+thanos-store-pods:10901
    # A pod that is replaced has another address.
    - --store.sd-dns-interval=2s
    - --log.level=warn
  user: 65534
  group: 65534
  ports: {http: 9090, grpc: 10901}
  ready: {path: /-/ready, port: 9090}
  live: {path: /-/healthy, port: 9090}
  service: prometheus
  writable: [/tmp]
  env: {GOGC: "40", GOMEMLIMIT: 200MiB}
thanos-store:
  of: prometheus
  image: thanos
  command: [/bin/thanos, store]
  args:
    - --http-address=0.0.0.0:10902
    - --grpc-address=0.0.0.0:10901
    - --data-dir=/var/thanos
    - --index-cache-size=128MB
    - --chunk-pool-size=64MB
    - --log.level=warn
    - --objstore.config={{ include "sandbox.thanosStorage" . }}
  user: 65534
  group: 65534
  ports: {http: 10902, grpc: 10901}
  ready: {path: /-/ready, port: 10902}
  live: {path: /-/healthy, port: 10902}
  peers: true
  writable: [/tmp, /var/thanos]
  {{- include "sandbox.objectStorageEnv" . | nindent 2 }}
    GOGC: "40"
    GOMEMLIMIT: 200MiB
# One only: two would compact the same blocks.
thanos-compact:
  of: prometheus
  image: thanos
  command: [/bin/thanos, compact]
  args:
    - --wait
    - --http-address=0.0.0.0:10902
    - --data-dir=/var/thanos
    - --retention.resolution-raw={{ .Values.objectStorage.metricsRetention }}
    - --downsampling.disable
    - --log.level=warn
    - --objstore.config={{ include "sandbox.thanosStorage" . }}
  user: 65534
  group: 65534
  ports: {http: 10902}
  ready: {path: /-/ready, port: 10902}
  live: {path: /-/healthy, port: 10902}
  data: /var/thanos
  {{- include "sandbox.objectStorageEnv" . | nindent 2 }}
    GOGC: "40"
    GOMEMLIMIT: 200MiB
{{- if not .Values.objectStorage.endpoint }}
{{- $buckets := values .Values.objectStorage.buckets | sortAlpha }}
# Object storage in one pod. A bucket is a folder of its volume.
versitygw:
  command: [/bin/sh, -c]
  args: ["mkdir -p{{ range $buckets }} /data/{{ . }}{{ end }} && exec /usr/local/bin/versitygw --port=:7070 --health=/health --quiet posix /data"]
  user: 10001
  group: 10001
  ports: {s3: 7070}
  ready: {path: /health, port: 7070}
  writable: [/tmp]
  data: /data
  secrets: [S3_ACCESS_KEY, S3_SECRET_ACCESS_KEY]
  env:
    ROOT_ACCESS_KEY_ID: $(S3_ACCESS_KEY)
    ROOT_SECRET_ACCESS_KEY: $(S3_SECRET_ACCESS_KEY)
    VGW_REGION: {{ .Values.objectStorage.region }}
    GOGC: "40"
    GOMEMLIMIT: 100MiB
{{- end }}
{{- end }}

{{- /* Host and port of the object storage. */}}
{{- define "sandbox.objectStorageEndpoint" -}}
{{ default "versitygw:7070" .Values.objectStorage.endpoint }}
{{- end }}

{{- /* Variables with the keys of the object storage, under the names that every S3 client reads. */}}
{{- define "sandbox.objectStorageEnv" -}}
secrets: [S3_ACCESS_KEY, S3_SECRET_ACCESS_KEY]
env:
  AWS_ACCESS_KEY_ID: $(S3_ACCESS_KEY)
  AWS_SECRET_ACCESS_KEY: $(S3_SECRET_ACCESS_KEY)
{{- end }}

{{- /* What Loki and Tempo share: where the object storage is. Its keys are variables. */}}
{{- define "sandbox.s3" -}}
endpoint: {{ include "sandbox.objectStorageEndpoint" . }}
region: {{ .Values.objectStorage.region }}
insecure: {{ or (not .Values.objectStorage.endpoint) .Values.objectStorage.insecure }}
{{- end }}

{{- define "sandbox.thanosStorage" -}}
{{- $config := include "sandbox.s3" . | fromYaml }}
{{- $config = merge (dict "bucket" .Values.objectStorage.buckets.metrics "bucket_lookup_type" "path") $config }}
{{- dict "type" "S3" "config" $config | toJson }}
{{- end }}

{{- /* The parts of a store find each other by gossip. Argument: the store. */}}
{{- define "sandbox.memberlist" -}}
advertise_addr: ${POD_IP}
# A new pod may get the address of one of another store.
cluster_label: {{ . }}
join_members: [dns+{{ . }}-ingester-pods:7946]
rejoin_interval: 10s
{{- end }}

{{- /* loki/loki.yml, with rings of several processes and object storage in the place of one process and its disk. */}}
{{- define "sandbox.lokiConfig" -}}
{{- $config := .Files.Get "files/loki/loki.yml" | fromYaml }}
{{- $s3 := merge (dict "bucketnames" .Values.objectStorage.buckets.logs "s3forcepathstyle" true) (include "sandbox.s3" . | fromYaml) }}
{{- $_ := set $config.common "storage" (dict "s3" $s3) }}
{{- range $config.schema_config.configs }}
{{- $_ := set . "object_store" "s3" }}
{{- end }}
{{- toYaml (mergeOverwrite $config (include "sandbox.lokiOverlay" . | fromYaml)) }}
{{- end }}

{{- define "sandbox.lokiOverlay" -}}
server: {grpc_listen_address: 0.0.0.0}
common:
  instance_addr: ${POD_IP}
  replication_factor: 3
  ring: {kvstore: {store: memberlist}}
  compactor_grpc_address: loki-compactor:9096
memberlist:
  {{- include "sandbox.memberlist" "loki" | nindent 2 }}
compactor: {delete_request_store: s3}
frontend_worker: {frontend_address: "loki-query-frontend-pods:9096"}
{{- end }}

{{- /* tempo/tempo.yml, likewise. */}}
{{- define "sandbox.tempoConfig" -}}
{{- $config := .Files.Get "files/tempo/tempo.yml" | fromYaml }}
{{- $s3 := merge (dict "bucket" .Values.objectStorage.buckets.traces "forcepathstyle" true) (include "sandbox.s3" . | fromYaml) }}
{{- $_ := set $config.storage.trace "s3" $s3 }}
{{- $write := first $config.metrics_generator.storage.remote_write }}
{{- $every := list }}
{{- range $number := until (int .Values.components.prometheus.replicas) }}
  {{- $address := printf "http://prometheus-%d.prometheus-pods:9090/api/v1/write" $number }}
  {{- $every = append $every (merge (dict "url" $address) $write) }}
{{- end }}
{{- $_ := set $config.metrics_generator.storage "remote_write" $every }}
{{- toYaml (mergeOverwrite $config (include "sandbox.tempoOverlay" . | fromYaml)) }}
{{- end }}

{{- define "sandbox.tempoOverlay" -}}
server: {grpc_listen_address: 0.0.0.0}
distributor:
  ring: &ring {instance_addr: "${POD_IP}", kvstore: {store: memberlist}}
metrics_generator: {ring: *ring}
ingester:
  lifecycler:
    address: ${POD_IP}
    ring: {kvstore: {store: memberlist}, replication_factor: 3}
memberlist:
  {{- include "sandbox.memberlist" "tempo" | nindent 2 }}
storage: {trace: {backend: s3}}
querier: {frontend_worker: {frontend_address: "tempo-query-frontend-pods:9095"}}
query_frontend:
  # Ingesters keep a block for minutes only. By default, searches read blocks from object storage after a quarter of an hour.
  search: {query_backend_after: 10s}
{{- end }}
