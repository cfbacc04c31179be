module sandbox.invalid/tempo

go 1.26.5

require (
	github.com/andybalholm/brotli v1.2.2
	github.com/aws/aws-sdk-go v1.55.8
	github.com/felixge/httpsnoop v1.1.0
	github.com/goccy/go-json v0.10.6
	github.com/grafana/tempo v1.5.1-0.20250529124718-87c2dc380cec
	github.com/klauspost/compress v1.20.0
	github.com/miekg/dns v1.1.72
	github.com/pierrec/lz4/v4 v4.1.29
	github.com/prometheus/procfs v0.21.1
	github.com/twmb/franz-go v1.20.7
	github.com/twmb/franz-go/pkg/kadm v1.17.2
	github.com/twmb/franz-go/pkg/kmsg v1.12.0
	golang.org/x/crypto v0.56.0
	golang.org/x/net v0.58.0
	golang.org/x/oauth2 v0.36.0
	golang.org/x/sync v0.22.0
	golang.org/x/sys v0.47.0
	golang.org/x/text v0.41.0
	golang.org/x/time v0.15.0
	gonum.org/v1/gonum v0.17.0
	google.golang.org/protobuf v1.36.12
)

replace (
	github.com/hashicorp/memberlist => github.com/grafana/memberlist v0.3.1-0.20220708130638-bd88e10a3d91
	k8s.io/api => k8s.io/api v0.25.0
	k8s.io/client-go => k8s.io/client-go v0.25.0
)
