package flow

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"sluice/pkg/msgs"
	"sluice/pkg/msgs/msgstest"
)

// mutant is a command that one slip has made bad.
type mutant struct {
	name, subject string
	data          []byte
}

// mutants are commands of the executor that both the published schema and the decoder refuse: each sample with one slip, in turn.
func mutants(t *testing.T, most int) (out []mutant) {
	t.Helper()
	files, err := filepath.Glob("../../pkg/msgs/testdata/v1/cmd.*.json")
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	published := map[msgs.Type]*jsonschema.Schema{}
	for len(out) < most {
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), ".json")
			kind, _, _ := strings.Cut(name, "@")
			parts := strings.Split(kind, ".")
			schema := published[msgs.Type(kind)]
			if schema == nil {
				if schema, err = msgstest.Compile(kind, msgs.SchemaFor(msgs.Type(kind))); err != nil {
					t.Fatal(err)
				}
				published[msgs.Type(kind)] = schema
			}
			if parts[1] == msgs.FamilyTx || len(out) == most {
				continue
			}
			m := mutant{fmt.Sprintf("%d, %s", len(out), name), msgs.CmdSubject(parts[1], "main", parts[2]), nil}
			if m.data = slipped(t, r, file, len(out)); m.refused(t, schema) {
				out = append(out, m)
			}
		}
	}
	return out
}

// slipped is a sample under an id of its own with one slip.
func slipped(t *testing.T, r *rand.Rand, file string, n int) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var object map[string]any
	if err := d.Decode(&object); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"client_order_id", "request_id"} {
		if object[id] != nil {
			object[id] = fmt.Sprintf("mutant-%d", n)
		}
	}
	msgstest.Mutate(r, object)
	out, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// refused reports whether schema and decoder both refuse it.
func (m *mutant) refused(t *testing.T, schema *jsonschema.Schema) bool {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(m.data))
	if err != nil {
		t.Fatal(err)
	}
	command, bad := msgs.DecodeCommand(m.subject, m.data)
	if bad == nil {
		bad = command.Check()
	}
	return bad != nil && schema.Validate(doc) != nil
}

// Two hundred commands, each with a slip that the published schema refuses, go to a running executor: each gets one rejection with its
// cmd_seq, which says why and what to do, nothing of them reaches the venue, and good orders among them are filled.
func TestMutatedCommandsAreRefusedByTheRunningExecutor(t *testing.T) {
	const count, between = 200, 25
	bad := mutants(t, count)
	inPlant(t, setup{}, func(p *plant) {
		seqs := map[uint64]mutant{}
		for i, m := range bad {
			seq := p.publish(p.bus, m.subject, m.data)
			seqs[seq], p.bad[fmt.Sprintf("ASK_main:%d", seq)] = m, true
			if i%between == between-1 {
				good := fmt.Sprintf("good-%d", i)
				p.submit(good, "BUY", "GTC", "0.52", "5")
				p.final(good)
				if e := p.last("main", good); e.State != "filled" {
					t.Errorf("behind %d bad commands a good order is %s", i+1, e.State)
				}
			}
		}
		if len(seqs) != count {
			t.Fatalf("%d commands were stored, want %d", len(seqs), count)
		}
		for seq, m := range seqs {
			got := p.of("main", seq)
			if len(got) != 1 || got[0].Error == nil || got[0].Error.Code == "" || got[0].Error.Cause == "" || got[0].Error.Fix == "" {
				t.Errorf("%s: %s leads to %d events, want one that says why: %v", m.name, m.data, len(got), got)
				continue
			}
			if e := got[0]; e.Type != "order.rejected" && e.Type != "order.control_rejected" {
				t.Errorf("%s: %s leads to %s", m.name, m.data, e.Type)
			}
		}
		p.pass(3 * time.Second) // what was filled settles
		p.sameAfterRestart()
	})
}
