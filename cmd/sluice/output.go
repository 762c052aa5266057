package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"sluice/pkg/actor"
	"sluice/pkg/actor/natsd"
	"sluice/pkg/msgs"
	"sluice/services/ledger"
)

// problem is an error with what to do about it.
func problem(code msgs.Code, cause, fix string) error {
	return &msgs.Error{Code: code, Cause: cause, Fix: fix}
}

// usageError says that the command line or a setting could not be understood.
func usageError(err error) error {
	if e, ok := errors.AsType[*msgs.Error](err); ok {
		return e
	}
	return problem("bad_usage", err.Error(), "see: sluice --help, or sluice COMMAND --help")
}

// explained is implemented by errors of other packages that know what to do about themselves.
type explained interface {
	error
	Cause() string
	Fix() string
}

// seeDoctor is the advice where there is no better one.
const seeDoctor = "see what is wrong with: sluice doctor"

// explain makes of any error what a person and a program can use.
func explain(err error) *msgs.Error {
	if e, ok := errors.AsType[*msgs.Error](err); ok {
		return e
	}
	e := &msgs.Error{Code: "failed", Cause: err.Error(), Fix: seeDoctor}
	if x, ok := errors.AsType[explained](err); ok {
		e.Cause, e.Fix = x.Cause(), x.Fix()
	}
	if is[*actor.RoomError](err) {
		e.Code = "no_room"
	}
	if is[*natsd.HeldError](err) {
		e.Code = "data_held"
	}
	if is[*ledger.HeldError](err) {
		e.Code = "data_held"
	}
	if is[*ledger.EnvError](err) {
		e.Code = "wrong_env"
	}
	if is[*ledger.BehindError](err) {
		e.Code = "books_behind"
	}
	if is[*natsd.EnvError](err) {
		e.Code = "wrong_env"
	}
	if is[*natsd.ListenError](err) {
		e.Code = "address_taken"
	}
	if is[*natsd.NoSyncError](err) {
		e.Code = "no_sync"
		e.Fix += " (--nats-monitor http://host:8222); --unsafe-no-sync trades all the same"
	}
	if x, ok := errors.AsType[*actor.HeldError](err); ok {
		e.Code = "owned"
		e.Cause = fmt.Sprintf("%s is owned by %s, which lives", x.Name, x.Holder)
		e.Fix = "stop that process, or start this one without --exclusive: then it waits as a spare"
	}
	if x, ok := errors.AsType[*actor.EnvError](err); ok {
		e.Code = "wrong_env"
		e.Cause = fmt.Sprintf("the log %s on this bus was written in env %s and this process runs in env %s: their orders must never mix", x.Stream, x.Have, x.Own)
		e.Fix = fmt.Sprintf("use another NATS server for %s, or start with --env %s", x.Own, x.Have)
	}
	if x, ok := errors.AsType[*actor.LogError](err); ok {
		e.Code, e.Cause, e.Fix = "log_unreadable", x.What(), x.Fix()
	}
	if x, ok := errors.AsType[*actor.LaneError](err); ok {
		e.Code = "log_rolled_back"
		e.Cause = fmt.Sprintf("stream %s ends at %d but %d was already decided: it was emptied or restored from a copy", x.Stream, x.Last, x.Cursor)
		e.Fix = "restore it together with its log, or cancel everything at the venue and remove both streams"
	}
	return e
}

// codeOf is the code of an error that has one.
func codeOf(err error) msgs.Code {
	if e, ok := errors.AsType[*msgs.Error](err); ok {
		return e.Code
	}
	return ""
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

// fail writes err and returns the exit code.
func fail(w io.Writer, asJSON bool, err error) int {
	e, code := explain(err), exitFailed
	if e.Code == "bad_usage" || e.Code == "bad_config" {
		code = exitUsage
	}
	if asJSON {
		b, _ := json.Marshal(msgs.ErrorReply{Error: e})
		fmt.Fprintf(w, "%s\n", b)
		return code
	}
	fmt.Fprintf(w, "sluice: %s\n", e.Cause)
	if e.Fix != "" {
		fmt.Fprintf(w, "  → %s\n", e.Fix)
	}
	return code
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
