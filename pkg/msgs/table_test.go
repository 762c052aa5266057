package msgs

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A command's JSON tags, its list of required fields and its reader of fields are three places that say the same.
func TestCommandFieldsAreReadAndRequiredAsTagged(t *testing.T) {
	for _, m := range commandMessages() {
		c := m.New().(Command)
		for _, name := range FieldNames(c) {
			if known, _ := c.set(field{name, []byte("null")}); !known {
				t.Errorf("%s: the field %s is not read", m.Type, name)
			}
		}
		if known, _ := c.set(field{"no_such", []byte("null")}); known {
			t.Errorf("%s reads any field", m.Type)
		}
		if want := withoutOmitempty(reflect.TypeOf(c).Elem()); !slices.Equal(c.required(), want) {
			t.Errorf("%s requires %v, its tags say %v", m.Type, c.required(), want)
		}
	}
}

func withoutOmitempty(t reflect.Type) []string {
	var out []string
	for _, f := range reflect.VisibleFields(t) {
		if tag := f.Tag.Get("json"); tag != "" && !strings.Contains(tag, "omitempty") {
			out = append(out, tag)
		}
	}
	return out
}

// The same of a command that a Go program makes: Check asks for what decoding asks for.
func TestEmptyCommandIsRefusedByCheck(t *testing.T) {
	for _, m := range commandMessages() {
		c := m.New().(Command)
		if err := c.Check(); err == nil || err.Code != MissingField || err.Fix == "" {
			t.Errorf("%s: %v", m.Type, err)
		}
	}
}

// Every kind has a Go type, is in the registry and in one row of the table, and New stamps it.
func TestEveryKindIsInTheTable(t *testing.T) {
	inTable := make(map[Type]int)
	for _, r := range Table() {
		for _, typ := range r.Types {
			inTable[typ]++
		}
		if r.Answer != "" {
			inTable[r.Answer]++
		}
		if r.Subject == "" || r.Class == "" || r.Writer == "" || r.Readers == "" || r.ID == "" || r.Doc == "" {
			t.Errorf("a row is not complete: %+v", r)
		}
	}
	for _, typ := range slices.Concat(OrderKinds(), TxKinds(), LedgerKinds()) {
		e := New(typ)
		if e == nil || e.Kind() != typ {
			t.Errorf("New(%s) = %v", typ, e)
		}
	}
	for _, m := range Messages() {
		if m.Class != ClassPart && inTable[m.Type] == 0 {
			t.Errorf("%s is in no row", m.Type)
		}
		delete(inTable, m.Type)
		if m.Doc == "" || NewMessage(m.Type) == nil || SchemaFor(m.Type) == nil {
			t.Errorf("%s has no doc, no Go type or no schema", m.Type)
		}
	}
	for typ := range inTable {
		t.Errorf("%s is in the table and has no Go type", typ)
	}
	if New("order.levitated") != nil || New("") != nil || NewMessage("x") != nil || SchemaFor("x") != nil {
		t.Error("an unknown type has a value")
	}
}

// Streams list what they store exactly, and none stores what another does: a misspelt command finds no stream.
func TestStreamsStoreExactlyWhatTheTableSays(t *testing.T) {
	streams := append(AccountStreams("main"), SharedStreams()...)
	want := map[string][]string{
		"ASK_main": {
			"cmd.order.main.submit", "cmd.order.main.cancel", "cmd.order.main.cancel_all", "cmd.order.main.replace",
			"cmd.control.main.halt", "cmd.control.main.resume",
			"cmd.tx.main.split", "cmd.tx.main.merge", "cmd.tx.main.redeem", "cmd.tx.main.convert", "cmd.tx.main.wrap", "cmd.tx.main.unwrap",
			"cmd.tx.main.approve", "cmd.tx.main.deploy", "cmd.tx.main.transfer", "cmd.tx.main.cancel",
			"feed.main.order", "feed.main.trade",
		},
		"LOG_main": {"evt.order.main", "evt.tx.main", "evt.ledger.main"},
		"ASK_all":  {"cmd.control.all.halt", "cmd.control.all.resume"},
		"MARKET":   {"md.*.book.*", "md.*.market.*"},
		"DEAD":     {"dead.>"},
		"QUOTA":    {"quota.*"},
		"GAS":      {"gas.*.*"},
	}
	for _, s := range streams {
		if !slices.Equal(s.Subjects, want[s.Name]) {
			t.Errorf("%s stores %v", s.Name, s.Subjects)
		}
		if s.MaxBytes <= 0 || s.Doc == "" {
			t.Errorf("%s has no bound or no doc", s.Name)
		}
		if s.Sync != (s.Storage == File) {
			t.Errorf("%s: file %v, synced %v", s.Name, s.Storage, s.Sync)
		}
		delete(want, s.Name)
	}
	for name := range want {
		t.Errorf("the stream %s is missing", name)
	}
}

func TestPayloadTypeOfSubject(t *testing.T) {
	for subject, want := range map[string]Type{
		"cmd.order.main.submit":     "cmd.order.submit",
		"cmd.control.all.halt":      "cmd.control.halt",
		"evt.order.main":            TypeEnvelope,
		"feed.main.trade":           TypeFeedTrade,
		"md.polymarket.book.123":    TypeBook,
		"md.polymarket.status":      TypeFeedStatus,
		"svc.executor.main.status":  TypeEmptyQuestion,
		"dead.executor.unknown_x":   TypeDead,
		"cmd.order.main.sumbit":     "",
		"evt.order":                 "",
		"evt.order.main.x":          "",
		"md.polymarket.book.":       "",
		"svc.executor..status":      "",
		"cmd.control.everyone.halt": "cmd.control.halt",
	} {
		if got := PayloadType(subject); got != want {
			t.Errorf("%s holds %q, not %q", subject, got, want)
		}
	}
}

func TestCodesAreListedOnceEach(t *testing.T) {
	seen := make(map[Code]bool)
	for _, c := range Codes() {
		if seen[c] || c == "" {
			t.Errorf("%q twice or empty", c)
		}
		seen[c] = true
	}
	for _, c := range []Code{BadJSON, NotEnoughBalance, Poison, VenueDown, HeldByOrders} {
		if !seen[c] {
			t.Errorf("%s is missing", c)
		}
	}
}

// The codes of the contract's page are those that the code has, none more and none less.
func TestCodesAreThoseOfTheContract(t *testing.T) {
	text, err := os.ReadFile("../../docs/wire-contract.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## 10. Codes\n")
	section, _, _ = strings.Cut(section, "\nNew codes")
	section = regexp.MustCompile(`\(with .*?\)`).ReplaceAllString(section, "") // what a code's detail may say
	said := make(map[Code]bool)
	for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(section, -1) {
		said[Code(m[1])] = true
	}
	for _, c := range Codes() {
		if !said[c] {
			t.Errorf("%s is not on the page", c)
		}
		delete(said, c)
	}
	for c := range said {
		t.Errorf("%s is on the page and nowhere else", c)
	}
}
