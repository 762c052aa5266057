package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"sluice/pkg/msgs"
)

// problem is an error with what to do about it.
func problem(code msgs.Code, cause, fix string) error {
	return &msgs.Error{Code: code, Cause: cause, Fix: fix}
}

// usageError says that the command line could not be understood.
func usageError(err error) error {
	return problem("bad_usage", err.Error(), "see: sluice --help")
}

// explained is implemented by errors of other packages that know what to do about themselves.
type explained interface {
	error
	Cause() string
	Fix() string
}

// fail writes err and returns the exit code.
func fail(w io.Writer, asJSON bool, err error) int {
	e, known := errors.AsType[*msgs.Error](err)
	if !known {
		e = &msgs.Error{Code: "failed", Cause: err.Error()}
		if x, ok := errors.AsType[explained](err); ok {
			e.Cause, e.Fix = x.Cause(), x.Fix()
		}
	}
	if asJSON {
		b, _ := json.Marshal(msgs.ErrorReply{Error: e})
		fmt.Fprintf(w, "%s\n", b)
		return 1
	}
	fmt.Fprintf(w, "sluice: %s\n", e.Cause)
	if e.Fix != "" {
		fmt.Fprintf(w, "  → %s\n", e.Fix)
	}
	return 1
}

func wantsJSON(args []string) bool {
	for i, a := range args {
		if a == "-o=json" || a == "-ojson" || a == "--output=json" || (a == "-o" || a == "--output") && i+1 < len(args) && args[i+1] == "json" {
			return true
		}
	}
	return false
}

// print writes v as JSON, or the table that rows makes.
func (a *app) print(v any, head []string, rows [][]string) error {
	if a.cli.Output == "json" {
		b, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("encode answer: %w", err)
		}
		_, err = fmt.Fprintf(a.out, "%s\n", b)
		return err
	}
	w := tabwriter.NewWriter(a.out, 2, 8, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(head, "\t"))
	for _, r := range rows {
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	return w.Flush()
}

// short cuts a long id in the middle, for tables.
func short(id string) string {
	if len(id) <= 14 {
		return id
	}
	return id[:8] + "…" + id[len(id)-4:]
}

// sorted is the keys of m in order.
func sorted[M ~map[string]V, V any](m M) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
