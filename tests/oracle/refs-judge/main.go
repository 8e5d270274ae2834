// Loads exported reference values as their consumers do, and prints what was understood as JSON.
//
//	refs-judge sev FILE          go-sev-guest's check.Config
//	refs-judge tdx FILE          go-tdx-guest's checkconfig.Config
//	refs-judge contrast FILE     Contrast's ReferenceValues: field names and types, unknown ones refused
//	refs-judge cose FILE PEM     COSE_Sign1 with a CoRIM inside, by the public key that must have signed it
package main

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"

	"github.com/google/go-sev-guest/abi"
	"github.com/google/go-sev-guest/proto/check"
	sevvalidate "github.com/google/go-sev-guest/validate"
	"github.com/google/go-tdx-guest/proto/checkconfig"
	tdxvalidate "github.com/google/go-tdx-guest/validate"
	"github.com/veraison/corim/corim"
	"google.golang.org/protobuf/encoding/prototext"
)

type snpTCB struct{ BootloaderVersion, TEEVersion, SNPVersion, MicrocodeVersion *uint8 }

type contrast struct {
	SNP []struct {
		Platform, ProductName, TrustedMeasurement string
		MinimumTCB                                snpTCB
		GuestPolicy                               abi.SnpPolicy
		PlatformInfo                              abi.SnpPlatformInfo
		MinimumMitigationVector                   uint64
		AllowedChipIDs                            []string
		CPUs                                      uint64
	} `json:"snp,omitempty"`
	TDX []struct {
		Platform                                     string
		MinTCBEvaluationDataNumber                   int
		MrTd, MrSeam                                 string
		Rtmrs                                        [4]string
		Xfam                                         string
		AllowedPIIDs                                 []string
		MemoryIntegrity, SMTDisabled, StaticPlatform bool
		CPUs                                         uint64
	} `json:"tdx,omitempty"`
}

func sev(text []byte) (any, error) {
	config := &check.Config{}
	if err := prototext.Unmarshal(text, config); err != nil {
		return nil, err
	}
	options, err := sevvalidate.PolicyToOptions(config.GetPolicy())
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"measurement": hex.EncodeToString(options.Measurement),
		"host_data":   hex.EncodeToString(options.HostData),
		"policy":      abi.SnpPolicyToBytes(options.GuestPolicy),
		"vmpl":        *options.VMPL,
		"bootloader":  options.MinimumTCB.BlSpl,
		"tee":         options.MinimumTCB.TeeSpl,
		"snp":         options.MinimumTCB.SnpSpl,
		"microcode":   options.MinimumTCB.UcodeSpl,
		"product":     config.GetRootOfTrust().GetProductLine(),
	}, nil
}

func tdx(text []byte) (any, error) {
	config := &checkconfig.Config{}
	if err := prototext.Unmarshal(text, config); err != nil {
		return nil, err
	}
	options, err := tdxvalidate.PolicyToOptions(config.GetPolicy())
	if err != nil {
		return nil, err
	}
	body := options.TdQuoteBodyOptions
	var rtmrs []string
	for _, rtmr := range body.Rtmrs {
		rtmrs = append(rtmrs, hex.EncodeToString(rtmr))
	}
	return map[string]any{
		"mr_td":         hex.EncodeToString(body.MrTd),
		"mr_seam":       hex.EncodeToString(body.MrSeam),
		"mr_config_id":  hex.EncodeToString(body.MrConfigID),
		"xfam":          hex.EncodeToString(body.Xfam),
		"td_attributes": hex.EncodeToString(body.TdAttributes),
		"rtmrs":         rtmrs,
	}, nil
}

func contrastValues(text []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var values contrast
	err := decoder.Decode(&values)
	return values, err
}

func cose(data []byte, path string) (any, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	var signed corim.SignedCorim
	if err := signed.FromCOSE(data); err != nil {
		return nil, err
	}
	if err := signed.Verify(key.(crypto.PublicKey)); err != nil {
		return nil, err
	}
	return map[string]any{"id": signed.UnsignedCorim.GetID(), "signer": signed.Meta.Signer.Name}, nil
}

func main() {
	data, err := os.ReadFile(os.Args[2])
	var value any
	if err == nil {
		switch os.Args[1] {
		case "sev":
			value, err = sev(data)
		case "tdx":
			value, err = tdx(data)
		case "contrast":
			value, err = contrastValues(data)
		case "cose":
			value, err = cose(data, os.Args[3])
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(value)
}
