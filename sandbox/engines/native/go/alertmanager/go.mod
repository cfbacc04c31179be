module sandbox.invalid/alertmanager

go 1.26.5

require (
	github.com/felixge/httpsnoop v1.1.0
	github.com/miekg/dns v1.1.72
	github.com/prometheus/alertmanager v0.31.0
	github.com/prometheus/procfs v0.21.1
	go.yaml.in/yaml/v2 v2.4.4
	go.yaml.in/yaml/v3 v3.0.5
	golang.org/x/crypto v0.56.0
	golang.org/x/net v0.58.0
	golang.org/x/oauth2 v0.36.0
	golang.org/x/sync v0.22.0
	golang.org/x/sys v0.47.0
	golang.org/x/text v0.41.0
	golang.org/x/time v0.15.0
	google.golang.org/grpc v1.83.2
	google.golang.org/protobuf v1.36.12
)
