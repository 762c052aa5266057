package actor

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"sluice/pkg/msgs"
)

// Bounds of the poison rule.
const (
	maxCrashes = 2           // that a record causes before it is put aside
	lastWord   = time.Second // for an owner that crashes to say with what; without it the next crash counts as the first
)

// Poisoned tells the core of a record that is put aside, because deciding it crashed the process twice. It should be
// answered without looking into the record the same way again; a core that does not know Poisoned lets it pass.
type Poisoned struct {
	Record
	Crashes int
}

// accuse runs when the loop ends. In the middle of a decision that is a panic: it is not recovered and nothing that was
// decided is kept, but before the process is gone the record goes on the log as what it crashed with. Only that is
// counted: a process that is killed, or that panics elsewhere, says nothing, so a record that waited while others
// crashed is never blamed.
func (r *running) accuse() {
	v := r.deciding
	if v == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastWord)
	defer cancel()
	for r.flying != nil { // the fence must know where the log ends
		select {
		case v := <-r.ending:
			if v, ok := v.(appended); ok && v.err != nil {
				return
			} else if ok {
				r.stored(v.seq)
			}
		case <-ctx.Done():
			return
		}
	}
	own := r.owner()
	own.InHand = &msgs.InHand{Lane: v.Lane, Seq: v.Seq, Crashes: r.crashes(v.Record) + 1}
	r.n = r.onDisk.n
	r.stamp(own, time.Now())
	raw, err := json.Marshal(own)
	if err == nil {
		_, err = r.append(ctx, r.message([][]byte{raw}, r.onDisk.at), r.seq)
	}
	r.log.Error("crashing while deciding a record; it is put aside after two crashes", "lane", v.Lane, "seq", v.Seq,
		"subject", v.Subject, "crashes", own.InHand.Crashes, "error", err)
}

// accused remembers what an owner's last word says.
func (a *Actor) accused(e msgs.Event) {
	var o msgs.OrderOwner
	switch e := e.(type) {
	case *msgs.OrderOwner:
		o = *e
	case *msgs.Strange: // of a family whose events msgs does not list
		if !strings.HasSuffix(string(e.Type), ".owner") || json.Unmarshal(e.Raw, &o) != nil {
			return
		}
	}
	if o.InHand != nil {
		a.blamed = append(a.blamed, *o.InHand)
	}
}

// crashes is how many crashes a record has caused.
func (a *Actor) crashes(v Record) (n int) {
	for _, h := range a.blamed {
		if h.Lane == v.Lane && h.Seq == v.Seq {
			n = max(n, h.Crashes)
		}
	}
	return n
}

// meant is the message that a record is to the core.
func (r *running) meant(v *record) any {
	switch n := r.crashes(v.Record); {
	case n > maxCrashes:
		return nil // not even Poisoned was survived
	case n == maxCrashes:
		r.bury(v.Record, n)
		return Poisoned{v.Record, n}
	}
	return r.cfg.Hear(v.Record)
}

// bury stores a letter about a record that is put aside. The letter is for people, the answer to the sender is the core's;
// so the lane goes on without the letter when it cannot be stored.
func (r *running) bury(v Record, crashes int) {
	service := r.cfg.Service
	if service == "" {
		service = r.cfg.Family
	}
	err := PutAside(r.work, r.cfg.JS, msgs.NewDead(msgs.Dead{
		Service: service, Stream: v.Stream, Seq: v.Seq, Subject: v.Subject, Headers: v.Header,
		Error: &msgs.Error{Code: msgs.Poison, Cause: fmt.Sprintf("the process crashed %d times while it decided this", crashes),
			Fix: "report the crash with this letter and the stack trace"},
	}, time.Now(), v.Data))
	r.log.Error("record put aside", "lane", v.Lane, "seq", v.Seq, "subject", v.Subject, "crashes", crashes, "letter_error", err)
}
