package main

import (
	"bytes"
	"fmt"
	"strings"

	"sluice/pkg/msgs"
)

// table is the table of subjects and streams as a page for readers.
func table() []byte {
	var b bytes.Buffer
	b.WriteString("# Subjects, streams, types\n\nGenerated from `pkg/msgs/table.go` by `go generate ./pkg/msgs`. The schema of a type is `<type>.json` beside this page.\n\n" +
		"## Subjects\n\n| subject | class | holds | stream | writer | readers | id | |\n|---|---|---|---|---|---|---|---|\n")
	for _, r := range msgs.Table() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s | %s | %s |\n",
			r.Subject, r.Class, holds(r), code(r.Stream), r.Writer, r.Readers, r.ID, r.Doc)
	}
	b.WriteString("\n## Streams\n\nEach account has its own ASK and LOG; the rest are there once.\n\n" +
		"| stream | subjects | storage | synced | per subject | bytes | when full | |\n|---|---|---|---|---|---|---|---|\n")
	for _, s := range append(msgs.AccountStreams("main"), msgs.SharedStreams()...) {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %t | %s | %d MiB | %s | %s |\n",
			s.Name, codes(s.Subjects), s.Storage, s.Sync, perSubject(s), s.MaxBytes>>20, whenFull(s), s.Doc)
	}
	b.WriteString("\n## Types\n\n| type | class | |\n|---|---|---|\n")
	for _, m := range msgs.Messages() {
		fmt.Fprintf(&b, "| [`%s`](%s.json) | %s | %s |\n", m.Type, m.Type, m.Class, m.Doc)
	}
	b.WriteString("\n## What a schema cannot say\n\nThe decoder of commands also refuses:\n\n")
	for _, s := range msgs.BeyondSchema() {
		fmt.Fprintf(&b, "* %s\n", s)
	}
	return b.Bytes()
}

func holds(r msgs.Row) string {
	s := codes(r.Types)
	if r.Class == msgs.ClassEvent {
		s = code(msgs.TypeEnvelope) + " of " + s
	}
	if r.Answer != "" {
		s += " → " + code(r.Answer)
	}
	return s
}

func code[T ~string](s T) string {
	if s == "" {
		return "–"
	}
	return "`" + string(s) + "`"
}

func codes[T ~string](list []T) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = code(s)
	}
	return strings.Join(out, " ")
}

func perSubject(s msgs.Stream) string {
	if s.MaxMsgsPerSubject == 0 {
		return "all"
	}
	return fmt.Sprint(s.MaxMsgsPerSubject)
}

func whenFull(s msgs.Stream) string {
	if s.Discard == msgs.DiscardNew {
		return "refuses"
	}
	return "forgets the oldest"
}
