module endorse-judge

go 1.20

require (
	github.com/google/gce-tcb-verifier v0.3.1
	google.golang.org/protobuf v1.33.0
)

require (
	github.com/google/go-sev-guest v0.13.0 // indirect
	github.com/google/logger v1.1.1 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	golang.org/x/crypto v0.21.0 // indirect
	golang.org/x/exp v0.0.0-20240409090435-93d18d7e34b8 // indirect
	golang.org/x/sys v0.18.0 // indirect
)
