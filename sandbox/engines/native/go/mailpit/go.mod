module sandbox.invalid/mailpit

go 1.26.5

require (
	github.com/axllent/mailpit v1.27.11
	github.com/klauspost/compress v1.20.0
	github.com/prometheus/procfs v0.21.1
	go.yaml.in/yaml/v2 v2.4.4
	golang.org/x/crypto v0.56.0
	golang.org/x/net v0.58.0
	golang.org/x/sys v0.47.0
	golang.org/x/text v0.41.0
	golang.org/x/time v0.15.0
	google.golang.org/protobuf v1.36.12
	modernc.org/libc v1.68.0
	modernc.org/sqlite v1.46.1
)
