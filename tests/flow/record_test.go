package flow

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"sluice/pkg/msgs"
	"sluice/pkg/sandbox/judge"
)

// wrongs is what a broken run must be charged with, exactly; what is not named must be zero.
type wrongs map[judge.Kind]int

// recordLine is one stored message, as the judge reads it.
type recordLine struct {
	Stream   string              `json:"stream"`
	Subject  string              `json:"subject"`
	Seq      uint64              `json:"seq"`
	StoredUS int64               `json:"stored_us"`
	Headers  map[string][]string `json:"headers,omitempty"`
	Data     string              `json:"data"`
}

// record reads every stream of the plant's accounts, and those that are for all.
func (p *plant) record() []recordLine {
	p.t.Helper()
	names := []string{msgs.AskAllStream, msgs.DeadStream}
	for _, a := range p.cfg.accounts {
		names = append(names, msgs.AskStream(msgs.Account(a)), msgs.LogStream(msgs.Account(a)))
	}
	var out []recordLine
	for _, name := range names {
		for m := range p.stored(p.stream(name), 1) {
			out = append(out, recordLine{name, m.Subject, m.Sequence, m.Time.UnixMicro(), m.Header, string(m.Data)})
		}
	}
	return out
}

// verdict judges the venue's journal against a record of the bus.
func (p *plant) verdict(record []recordLine) judge.Verdict {
	p.t.Helper()
	var commands bytes.Buffer
	enc := json.NewEncoder(&commands)
	for _, l := range record {
		if err := enc.Encode(l); err != nil {
			p.t.Fatal(err)
		}
	}
	v, err := judge.Judge(bytes.NewReader(bytes.Join(p.venue.Journal(0), nil)), &commands, p.cfg.judge)
	if err != nil {
		p.t.Fatal(err)
	}
	return v
}

// check is the end of every test: the judge, and the schemas.
func (p *plant) check() {
	p.t.Helper()
	record := p.record()
	v := p.verdict(record)
	p.charge(v, p.want)
	for name, n := range v.Unfamiliar {
		p.t.Errorf("the judge does not know %s (%d)", name, n)
	}
	p.validate(record)
}

// charge compares a verdict with what it must be.
func (p *plant) charge(v judge.Verdict, want wrongs) {
	p.t.Helper()
	got := map[judge.Kind]int{}
	b, err := json.Marshal(v.Wrong)
	if err == nil {
		err = json.Unmarshal(b, &got)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	delete(got, "lost") // the sum of others
	bad := false
	for kind, n := range got {
		if n != want[kind] {
			bad = true
			p.t.Errorf("the judge counts %d %s, want %d", n, kind, want[kind])
		}
	}
	if bad {
		p.t.Log(v.String())
	}
}

// validate holds everything that was said against the closed schemas.
func (p *plant) validate(record []recordLine) {
	p.t.Helper()
	checked := 0
	check := func(where, subject string, data []byte) {
		checked++
		if err := p.valid.CheckSubject(subject, data); err != nil {
			p.t.Errorf("%s on %s: %v\n%s", where, subject, err, data)
		}
	}
	for _, l := range record {
		where := fmt.Sprintf("%s:%d", l.Stream, l.Seq)
		if p.bad[where] {
			if l.valid(p) {
				p.t.Errorf("%s on %s holds against its schema, and should not: %s", where, l.Subject, l.Data)
			}
			continue
		}
		check(where, l.Subject, []byte(l.Data))
	}
	for _, m := range p.ears.all() {
		if !strings.HasPrefix(m.Subject, "md.") {
			continue
		}
		check("heard", m.Subject, m.Data)
	}
	if checked == 0 {
		p.t.Error("nothing was said that could be held against a schema")
	}
}

func (l *recordLine) valid(p *plant) bool {
	return p.valid.CheckSubject(l.Subject, []byte(l.Data)) == nil
}
