// mrtd-judge FILE...: gce-tcb-verifier's MRTD of each TDVF image, "FILE mrtd" a line.
package main

import (
	"fmt"
	"os"

	"github.com/google/gce-tcb-verifier/tdx"
)

func main() {
	for _, path := range os.Args[1:] {
		firmware, err := os.ReadFile(path)
		if err == nil {
			var mrtd [48]byte
			mrtd, err = tdx.MRTD(tdx.LaunchOptionsDefault(""), firmware)
			if err == nil {
				fmt.Printf("%s %x\n", path, mrtd)
				continue
			}
		}
		fmt.Fprintln(os.Stderr, path, err)
		os.Exit(1)
	}
}
