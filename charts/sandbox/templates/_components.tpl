{{- /*
What a part is, wherever it runs; values.yaml has what differs.
  command, args     as in docker-compose.yml
  user, group       of the process and of its volume
  ports             name -> number; its service has the same
  ready             path that says that it may be used: {path, port}, or {command}; `live` likewise, if it differs
  env, secrets      variables; those in `secrets` are filled first, from the Secret, so that `env` may contain $(NAME)
  files             folder in the container -> folder of files/
  configs           folder in the container -> ConfigMap of the chart's own
  data              path of its volume: a StatefulSet; without it, a Deployment
  writable          paths of empty volumes: the root file system is read-only
  grace             seconds from the signal to the kill
  account           its service account, whose token it needs; without it, no token is mounted
  drains            it serves on after the signal, and asks clients to go; others are kept waiting for it
  node              variables with the pod's place, for its telemetry
  sidecar           a second container that shares its volume
*/}}
{{- define "sandbox.components" -}}
gateway:
  drains: true
  command: [python, -m, gateway, --bind=0.0.0.0:8000]
  user: 10001
  group: 10001
  ports: {http: 8000}
  ready: {path: /readyz, port: 8000}
  live: {path: /livez, port: 8000}
  node: true
  writable: [/tmp, /srv/frontend]
  parts: [frontend-shell, frontend-account, frontend-payments]
  secrets: [GATEWAY_SENTRY_KEY, FRONTEND_SHELL_SENTRY_KEY, FRONTEND_ACCOUNT_SENTRY_KEY, FRONTEND_PAYMENTS_SENTRY_KEY]
  env:
    {{- include "sandbox.telemetry" . | nindent 4 }}
    SERVICE_VERSION: {{ include "sandbox.tag" .Values.images.gateway }}
    SENTRY_DSN: http://$(GATEWAY_SENTRY_KEY)@bugsink:8800/1
    AUTH_URL: http://auth:8001
    PAYMENTS_URL: http://payments:8002
    RATE_LIMIT_CUSTOMER: {{ .Values.rateLimit }}
    RATE_LIMIT_ADDRESS: {{ .Values.rateLimit }}
    ASSETS_DIRECTORY: /srv/frontend
    FRONTEND_APPS: frontend-shell,frontend-account,frontend-payments
    FRONTEND_DSNS: frontend-shell=http://$(FRONTEND_SHELL_SENTRY_KEY)@bugsink:8800/4,frontend-account=http://$(FRONTEND_ACCOUNT_SENTRY_KEY)@bugsink:8800/5,frontend-payments=http://$(FRONTEND_PAYMENTS_SENTRY_KEY)@bugsink:8800/6
    SENTRY_TRACES_SAMPLE_RATE: "0"
    STACK_PORTS: {{ .Values.stackPorts }}
auth:
  drains: true
  command: [python, -m, auth, --bind=0.0.0.0:8001]
  user: 10001
  group: 10001
  ports: {http: 8001}
  ready: {path: /readyz, port: 8001}
  live: {path: /livez, port: 8001}
  node: true
  writable: [/tmp]
  secrets: [AUTH_SENTRY_KEY, AUTH_DATABASE_PASSWORD]
  env:
    {{- include "sandbox.telemetry" . | nindent 4 }}
    SERVICE_VERSION: {{ include "sandbox.tag" .Values.images.auth }}
    SENTRY_DSN: http://$(AUTH_SENTRY_KEY)@bugsink:8800/2
    DATABASE_URL: postgresql://auth:$(AUTH_DATABASE_PASSWORD)@postgres:5432/auth
    MALLOC_MMAP_THRESHOLD_: "1048576"
payments:
  drains: true
  command: [python, -m, payments, --bind=0.0.0.0:8002]
  user: 10001
  group: 10001
  ports: {http: 8002}
  ready: {path: /readyz, port: 8002}
  live: {path: /livez, port: 8002}
  node: true
  writable: [/tmp]
  secrets: [PAYMENTS_SENTRY_KEY, PAYMENTS_DATABASE_PASSWORD, PAYMENTS_FINGERPRINT_KEY]
  env:
    {{- include "sandbox.telemetry" . | nindent 4 }}
    SERVICE_VERSION: {{ include "sandbox.tag" .Values.images.payments }}
    SENTRY_DSN: http://$(PAYMENTS_SENTRY_KEY)@bugsink:8800/3
    DATABASE_URL: postgresql://payments:$(PAYMENTS_DATABASE_PASSWORD)@postgres:5432/payments
    AUTH_URL: http://auth:8001
    ACQUIRER_URL: http://acquirer:8003
    FINGERPRINT_KEY: $(PAYMENTS_FINGERPRINT_KEY)
acquirer:
  drains: true
  command: [python, -m, acquirer, --bind=0.0.0.0:8003]
  user: 10001
  group: 10001
  ports: {http: 8003}
  ready: {path: /readyz, port: 8003}
  writable: [/tmp]
  env:
    DEPLOYMENT_ENVIRONMENT: {{ .Values.environment }}
    SERVICE_VERSION: {{ include "sandbox.tag" .Values.images.acquirer }}
customer:
  drains: true
  command: [python, -m, customer, --bind=0.0.0.0:8004]
  user: 10001
  group: 10001
  ports: {http: 8004}
  ready: {path: /readyz, port: 8004}
  writable: [/tmp]
  env:
    DEPLOYMENT_ENVIRONMENT: {{ .Values.environment }}
    SERVICE_VERSION: {{ include "sandbox.tag" .Values.images.customer }}
    GATEWAY_URL: http://gateway:8000
relay:
  drains: true
  command: [python, -m, relay, --bind=0.0.0.0:8006]
  user: 10001
  group: 10001
  ports: {http: 8006}
  ready: {path: /readyz, port: 8006}
  writable: [/tmp]
  env:
    DEPLOYMENT_ENVIRONMENT: {{ .Values.environment }}
    SERVICE_VERSION: {{ include "sandbox.tag" .Values.images.relay }}
    ALERTMANAGER_URL: http://alertmanager:9093
    RUNBOOKS_URL: {{ .Values.addresses.prometheus }}/user
heartbeat:
  drains: true
  command: [python, -m, heartbeat, --bind=0.0.0.0:8005]
  user: 10001
  group: 10001
  ports: {http: 8005}
  ready: {path: /readyz, port: 8005}
  writable: [/tmp]
  env:
    DEPLOYMENT_ENVIRONMENT: {{ .Values.environment }}
    SERVICE_VERSION: {{ include "sandbox.tag" .Values.images.heartbeat }}
    SMTP_ADDRESS: mailpit:1025
    MAIL_TO: platform-oncall@sandbox.test,incident-commander@sandbox.test
    RUNBOOK_URL: runbooks/Watchdog.md
    PATIENCE_SECONDS: "20"
postgres:
  command: [docker-entrypoint.sh, postgres, -c, listen_addresses=0.0.0.0, -c, port=5432, -c, shared_buffers=32MB, -c, max_connections=100, -c, log_min_messages=log]
  user: 999
  group: 999
  ports: {postgres: 5432}
  ready: {command: [pg_isready, -h, 127.0.0.1, -p, "5432", -U, sandbox, -d, sandbox]}
  writable: [/tmp, /var/run/postgresql, /dev/shm]
  files: {/docker-entrypoint-initdb.d: postgres/initdb.d}
  data: /var/lib/postgresql
  secrets: [POSTGRES_PASSWORD, AUTH_DATABASE_PASSWORD, PAYMENTS_DATABASE_PASSWORD]
  # SIGTERM lets clients finish; their pools are told at the signal, and close within this time.
  grace: 30
  env:
    POSTGRES_USER: sandbox
    POSTGRES_DB: sandbox
otel-collector:
  command: [/otelcol-contrib]
  args:
    - --config=/etc/otelcol-contrib/config.yaml
    - --config=/etc/otelcol-contrib/backend/none.yaml
    - --config=/etc/kubernetes/gateway.yaml
    - --feature-gates=ottl.set.allowNil,ottl.functions.enableLambda
  user: 10001
  group: 10001
  ports: {otlp-grpc: 4317, otlp-http: 4318, otlp-agents: 4327, health: 13133, metrics: 8888}
  ready: {path: /, port: 13133}
  files: {/etc/otelcol-contrib: collector}
  configs: {/etc/kubernetes: otel-collector-kubernetes}
  data: /var/lib/otelcol
  env:
    DEPLOYMENT_ENVIRONMENT: {{ .Values.environment }}
    GOGC: "40"
    GOMEMLIMIT: 160MiB
prometheus:
  command: [/bin/prometheus]
  args:
    - --config.file=/etc/kubernetes/prometheus.yml
    - --storage.tsdb.path=/prometheus
    - --storage.tsdb.retention.time=2d
    - --storage.tsdb.retention.size=512MB
    {{- if .Values.distributed }}
    # Thanos uploads blocks, and compacts them there.
    - --storage.tsdb.min-block-duration=2h
    - --storage.tsdb.max-block-duration=2h
    {{- end }}
    - --web.listen-address=0.0.0.0:9090
    - --web.external-url={{ .Values.addresses.prometheus }}
    - --web.enable-lifecycle
    - --web.user-assets=/srv/runbooks
    - --rules.alert.resend-delay=10s
    - --web.enable-remote-write-receiver
    - --web.enable-otlp-receiver
    - --enable-feature=exemplar-storage
  user: 65534
  group: 65534
  ports: {http: 9090}
  ready: {path: /-/ready, port: 9090}
  live: {path: /-/healthy, port: 9090}
  files: {/etc/prometheus: prometheus, /srv/runbooks: runbooks}
  configs: {/etc/kubernetes: prometheus-kubernetes}
  data: /prometheus
  account: prometheus
  grace: 60
  {{- if .Values.distributed }}
  # Readers ask Thanos, under the name of Prometheus; this one is for who looks at a single replica.
  service: prometheus-pair
  node: true
  sidecar:
    name: thanos
    command: [/bin/thanos, sidecar]
    args:
      - --prometheus.url=http://127.0.0.1:9090
      - --tsdb.path=/prometheus
      - --grpc-address=0.0.0.0:10901
      - --http-address=0.0.0.0:10902
      - --log.level=warn
      - --objstore.config={{ include "sandbox.thanosStorage" . }}
    ports: {grpc: 10901, sidecar: 10902}
    ready: {path: /-/ready, port: 10902}
    {{- include "sandbox.objectStorageEnv" . | nindent 4 }}
      GOGC: "40"
      GOMEMLIMIT: 200MiB
  {{- end }}
  env:
    GOGC: "40"
    GOMEMLIMIT: 400MiB
    GRAFANA_URL: {{ .Values.addresses.grafana }}
    {{- if not .Values.components.grafana.enabled }}
    NO_GRAFANA: "(this stack has no Grafana) "
    {{- end }}
alertmanager:
  command: [/bin/alertmanager]
  args:
    - --config.file=/etc/alertmanager/alertmanager.yml
    - --storage.path=/alertmanager
    - --web.listen-address=0.0.0.0:9093
    - --web.external-url={{ .Values.addresses.alertmanager }}
    {{- if gt (int .Values.components.alertmanager.replicas) 1 }}
    # A page is sent by the first replica; the next waits this long, and sends it only if the first has not said that it did.
    - --cluster.listen-address=0.0.0.0:9094
    - --cluster.peer-timeout=10s
    {{- range $number := until (int .Values.components.alertmanager.replicas) }}
    - --cluster.peer=alertmanager-{{ $number }}.alertmanager-pods:9094
    {{- end }}
    {{- else }}
    - --cluster.listen-address=
    {{- end }}
    - --dispatch.maintenance-interval=1s
  user: 65534
  group: 65534
  ports: {http: 9093, cluster: 9094}
  ready: {path: /-/ready, port: 9093}
  live: {path: /-/healthy, port: 9093}
  files: {/etc/alertmanager: alertmanager}
  data: /alertmanager
  env:
    GOGC: "40"
    GOMEMLIMIT: 100MiB
loki:
  command: [/usr/bin/loki]
  args: [-config.file=/etc/loki/loki.yml]
  user: 10001
  group: 10001
  ports: {http: 3100}
  ready: {path: /ready, port: 3100}
  writable: [/tmp]
  files: {/etc/loki: loki}
  data: /loki
  grace: 60
  env:
    GOGC: "40"
    GOMEMLIMIT: 400MiB
tempo:
  command: [/tempo]
  args: [-config.file=/etc/tempo/tempo.yml]
  user: 10001
  group: 10001
  ports: {http: 3200, otlp-grpc: 4319}
  ready: {path: /ready, port: 3200}
  files: {/etc/tempo: tempo}
  data: /var/tempo
  grace: 60
  env:
    GOGC: "40"
    GOMEMLIMIT: 200MiB
grafana:
  command: [/run.sh]
  user: 472
  group: 472
  ports: {http: 3000}
  ready: {path: /api/health, port: 3000}
  writable: [/tmp]
  files: {/etc/grafana/provisioning: grafana/provisioning, /etc/grafana/dashboards: grafana/dashboards}
  data: /var/lib/grafana
  secrets: [GRAFANA_ADMIN_PASSWORD]
  env:
    GF_SERVER_HTTP_PORT: "3000"
    GF_SERVER_ROOT_URL: {{ .Values.addresses.grafana }}
    GF_SERVER_ENABLE_GZIP: "false"
    GF_SECURITY_ADMIN_PASSWORD: $(GRAFANA_ADMIN_PASSWORD)
    GF_AUTH_ANONYMOUS_ENABLED: "true"
    GF_AUTH_ANONYMOUS_ORG_ROLE: Viewer
    GF_USERS_VIEWERS_CAN_EDIT: "true"
    GF_PLUGINS_PREINSTALL_DISABLED: "true"
    GF_PLUGINS_PREINSTALL_AUTO_UPDATE: "false"
    GF_PLUGINS_DISABLE_PLUGINS: cloudwatch,elasticsearch,grafana-azure-monitor-datasource,grafana-postgresql-datasource,grafana-pyroscope-datasource,graphite,influxdb,jaeger,mssql,mysql,opentsdb,parca,stackdriver,zipkin
    GF_ANALYTICS_REPORTING_ENABLED: "false"
    GF_ANALYTICS_CHECK_FOR_UPDATES: "false"
    GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES: "false"
    GF_NEWS_NEWS_FEED_ENABLED: "false"
    GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH: /etc/grafana/dashboards/overview.json
bugsink:
  command: [python, /etc/bugsink/start.py, --bind=0.0.0.0:8800]
  user: 14237
  group: 14237
  ports: {http: 8800}
  # It answers only requests for one of its own names.
  ready: {path: /health/ready, port: 8800, host: localhost}
  writable: [/tmp]
  files: {/etc/bugsink: bugsink}
  data: /data
  secrets: [BUGSINK_SECRET_KEY, BUGSINK_ADMIN_PASSWORD, BUGSINK_API_TOKEN, GATEWAY_SENTRY_KEY, AUTH_SENTRY_KEY, PAYMENTS_SENTRY_KEY, FRONTEND_SHELL_SENTRY_KEY, FRONTEND_ACCOUNT_SENTRY_KEY, FRONTEND_PAYMENTS_SENTRY_KEY, GUESTS_SENTRY_KEY]
  env:
    DJANGO_SETTINGS_MODULE: bugsink_conf
    PYTHONPATH: /etc/bugsink
    PYTHONDONTWRITEBYTECODE: "1"
    DATABASE_PATH: /data/db.sqlite3
    QUEUE_DIRECTORY: /data/queue
    SECRET_KEY: $(BUGSINK_SECRET_KEY)
    BASE_URL: {{ .Values.addresses.bugsink }}
    ALLOWED_HOSTS: bugsink,localhost,127.0.0.1
    SINGLE_USER: "true"
    USER_REGISTRATION: CB_NOBODY
    PHONEHOME: "false"
    ADMIN: admin@sandbox.test:$(BUGSINK_ADMIN_PASSWORD)
    API_TOKEN: $(BUGSINK_API_TOKEN)
    WEBHOOK: http://relay:8006/bugsink
    PROJECTS: gateway=$(GATEWAY_SENTRY_KEY),auth=$(AUTH_SENTRY_KEY),payments=$(PAYMENTS_SENTRY_KEY),frontend-shell=$(FRONTEND_SHELL_SENTRY_KEY),frontend-account=$(FRONTEND_ACCOUNT_SENTRY_KEY),frontend-payments=$(FRONTEND_PAYMENTS_SENTRY_KEY),9:guests=$(GUESTS_SENTRY_KEY)
    SMTP_ADDRESS: mailpit:1025
    DEFAULT_FROM_EMAIL: Error tracker <bugsink@sandbox.test>
    MAX_EMAILS_PER_HOUR: "1000"
    MAX_EVENTS_PER_PROJECT_PER_5_MINUTES: "20000"
    MAX_EVENTS_PER_PROJECT_PER_HOUR: "100000"
    MAX_EVENTS_PER_5_MINUTES: "40000"
    MAX_EVENTS_PER_HOUR: "200000"
    MAX_RETENTION_EVENT_COUNT: "20000"
    ALERTS_WEBHOOK_DENY_NON_GLOBAL: "false"
mailpit:
  command: [/mailpit, "--listen=0.0.0.0:8025", "--smtp=0.0.0.0:1025"]
  user: 65534
  group: 65534
  ports: {http: 8025, smtp: 1025}
  ready: {path: /readyz, port: 8025}
  writable: [/tmp]
  env:
    GOGC: "40"
    MP_DISABLE_VERSION_CHECK: "true"
    MP_MAX_MESSAGES: "2000"
    MP_SMTP_AUTH_ACCEPT_ANY: "true"
    MP_SMTP_AUTH_ALLOW_INSECURE: "true"
{{- end }}

{{- /* Variables of a service that sends telemetry. */}}
{{- define "sandbox.telemetry" -}}
DEPLOYMENT_ENVIRONMENT: {{ .Values.environment }}
OTEL_EXPORTER_OTLP_ENDPOINT: http://otel-collector:4318
OTEL_EXPORTER_OTLP_PROTOCOL: http/protobuf
OTEL_BSP_SCHEDULE_DELAY: "200"
OTEL_EXPORTER_OTLP_TIMEOUT: "45"
OTEL_BSP_MAX_QUEUE_SIZE: "16384"
OTEL_RESOURCE_ATTRIBUTES: k8s.namespace.name=$(POD_NAMESPACE),k8s.node.name=$(NODE_NAME),k8s.pod.name=$(POD_NAME)
{{- end }}
