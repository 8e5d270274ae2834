// gce-judge CASES.tsv: gce-tcb-verifier's digest of every GCE launch of snp-cases.py, "id digest" a line.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/google/gce-tcb-verifier/sev"
	sgpb "github.com/google/go-sev-guest/proto/sevsnp"
)

var products = map[string]sgpb.SevProduct_SevProductName{
	"gce-milan": sgpb.SevProduct_SEV_PRODUCT_MILAN,
	"gce-genoa": sgpb.SevProduct_SEV_PRODUCT_GENOA,
}

func judge(fields []string) error {
	product, ours := products[fields[2]]
	if !ours {
		return nil
	}
	firmware, err := os.ReadFile(fields[3])
	if err != nil {
		return err
	}
	vcpus, err := strconv.Atoi(fields[7])
	if err != nil {
		return err
	}
	digest, err := sev.LaunchDigest(&sev.LaunchOptions{Vcpus: vcpus, Product: product}, firmware)
	if err != nil {
		return err
	}
	fmt.Printf("%s %x\n", fields[0], digest)
	return nil
}

func main() {
	cases, err := os.Open(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lines := bufio.NewScanner(cases)
	for lines.Scan() {
		if err := judge(strings.Split(lines.Text(), "\t")); err != nil {
			fmt.Fprintln(os.Stderr, lines.Text(), err)
			os.Exit(1)
		}
	}
}
