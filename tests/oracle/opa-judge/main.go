// Evaluates policies with the Open Policy Agent: reads a JSON list of cases from stdin and writes the list of their values,
// null where a query is undefined, {"error": "..."} where the evaluation fails.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
)

type testCase struct {
	Policy string         `json:"policy"`
	V1     bool           `json:"v1"`
	Query  string         `json:"query"`
	Input  any            `json:"input"`
	Data   map[string]any `json:"data"`
}

func evaluate(c testCase) (any, error) {
	version := ast.RegoV0
	if c.Data == nil {
		c.Data = map[string]any{}
	}
	if c.V1 {
		version = ast.RegoV1
	}
	results, err := rego.New(
		rego.Query(c.Query),
		rego.Module("policy.rego", c.Policy),
		rego.SetRegoVersion(version),
		rego.Store(inmem.NewFromObject(c.Data)),
		rego.Input(c.Input),
	).Eval(context.Background())
	if err != nil || len(results) == 0 {
		return nil, err
	}
	return results[0].Expressions[0].Value, nil
}

func main() {
	var cases []testCase
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	values := make([]any, len(cases))
	for i, c := range cases {
		value, err := evaluate(c)
		if err != nil {
			value = map[string]any{"error": err.Error()}
		}
		values[i] = value
	}
	_ = json.NewEncoder(os.Stdout).Encode(values)
}
