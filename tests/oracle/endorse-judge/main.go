// Loads launch endorsements as their consumer does.
//
//	endorse-judge golden FILE.binarypb FILE.textproto    both are the same message: prints it as JSON
//	endorse-judge verify FILE ROOT.pem MEASUREMENT VCPUS  gce-tcb-verifier takes the endorsement for that launch
package main

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/google/gce-tcb-verifier/proto/endorsement"
	"github.com/google/gce-tcb-verifier/verify"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
)

func golden(binaryPath, textPath string) error {
	binary, err := os.ReadFile(binaryPath)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(textPath)
	if err != nil {
		return err
	}
	one, two := &endorsement.VMGoldenMeasurement{}, &endorsement.VMGoldenMeasurement{}
	if err := proto.Unmarshal(binary, one); err != nil {
		return err
	}
	if err := prototext.Unmarshal(text, two); err != nil {
		return err
	}
	if !proto.Equal(one, two) || len(one.ProtoReflect().GetUnknown()) > 0 {
		return fmt.Errorf("the two forms differ")
	}
	again, err := proto.MarshalOptions{Deterministic: true}.Marshal(one)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, binary) {
		return fmt.Errorf("not the bytes of a deterministic writer")
	}
	fmt.Println(protojson.Format(one))
	return nil
}

func check(path, rootPath, measurement, vcpus string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	root, err := os.ReadFile(rootPath)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(root) {
		return fmt.Errorf("no certificate in %s", rootPath)
	}
	digest, err := hex.DecodeString(measurement)
	if err != nil {
		return err
	}
	count, err := strconv.ParseUint(vcpus, 10, 32)
	if err != nil {
		return err
	}
	return verify.Endorsement(text, &verify.Options{
		SNP:          &verify.SNPOptions{Measurement: digest, ExpectedLaunchVMSAs: uint32(count)},
		RootsOfTrust: pool,
		Now:          time.Now(),
	})
}

func main() {
	var err error
	switch os.Args[1] {
	case "golden":
		err = golden(os.Args[2], os.Args[3])
	case "verify":
		err = check(os.Args[2], os.Args[3], os.Args[4], os.Args[5])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
