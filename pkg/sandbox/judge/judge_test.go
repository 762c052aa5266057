package judge

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
)

// A run that breaks no rule leaves the judge content, and is counted as it was.
func TestHonestRunIsContent(t *testing.T) {
	v := honest().run().judge(t)
	if !v.Content() {
		t.Fatalf("not content:\n%s", v.String())
	}
	want := Counts{
		OrdersSubmitted: 18, OrdersAccepted: 9, OrdersFilled: 1, OrdersCancelled: 11, OrdersRejected: 5, OrdersOpen: 1,
		OrdersForeign: 1, CommandsStored: 30, CommandsRepeated: 1, CommandsRefused: 3, EventsLogged: 56, FeedEvents: 1,
		Posts: 13, Fills: 2,
	}
	if v.Counts != want {
		t.Errorf("counts\n got %+v\nwant %+v\n%s", v.Counts, want, v.String())
	}
	if len(v.Accounts) != 1 || v.Accounts[0] != "main" {
		t.Errorf("accounts %v, want main", v.Accounts)
	}
}

// Streams may be interleaved in any way: only the sequence numbers of each count.
func TestVerdictDoesNotDependOnTheOrderOfStreams(t *testing.T) {
	s := honest().run()
	rng := rand.New(rand.NewPCG(1, 2))
	rng.Shuffle(len(s.record), func(i, j int) { s.record[i], s.record[j] = s.record[j], s.record[i] })
	if v := s.judge(t); !v.Content() {
		t.Fatalf("not content:\n%s", v.String())
	}
}

// The judge shares no code with what it judges, or with anything that is not part of Go itself.
func TestJudgeImportsOnlyTheStandardLibrary(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range f.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			seen++
			first, _, _ := strings.Cut(path, "/")
			if strings.Contains(first, ".") || first == "sluice" {
				t.Errorf("%s imports %s: a judge that shares code with the accused shares his mistakes", e.Name(), path)
			}
		}
	}
	if seen == 0 {
		t.Error("no import was looked at")
	}
}

// The JSON form is one flat object by the names of the counts, with content said aloud.
func TestVerdictMarshalsAsOneFlatObject(t *testing.T) {
	s := honest().instead("halted", nil).run()
	v := s.judge(t)
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"content": false, "lost": 1.0, "lost_commands": 1.0, "duplicates_at_venue": 0.0, "orders_submitted": 18.0} {
		if m[name] != want {
			t.Errorf("%s is %v, want %v", name, m[name], want)
		}
	}
	if text := v.String(); !strings.Contains(text, "not content") || !strings.Contains(text, "no event answers submit") {
		t.Errorf("text does not tell:\n%s", text)
	}
	for _, c := range v.Wrong.charges() {
		if _, ok := m[string(c.kind)]; !ok {
			t.Errorf("no count %s in the JSON form", c.kind)
		}
	}
}

// Counts stay exact when there are more cases than are shown.
func TestFindingsAreBoundedAndCountsAreNot(t *testing.T) {
	s := newStory()
	for i := range 50 {
		s.submit(s.spec("x-"+strconv.Itoa(i), "BUY", "GTC", "0.5", "10"))
	}
	v := s.judge(t)
	if v.LostCommands != 50 || len(v.Of(LostCommands)) != DefaultMaxFindings {
		t.Errorf("%d lost, %d shown", v.LostCommands, len(v.Of(LostCommands)))
	}
}

// A sandbox that was started again has none of the orders of before: they are told apart from orders that never were.
func TestOrdersOfAnEarlierSandboxAreSaidToBe(t *testing.T) {
	for _, later := range []bool{false, true} {
		s := newStory()
		o := s.spec("x", "BUY", "GTC", "0.5", "10")
		s.submit(o)
		s.intend(o)
		s.tell(s.event("order.accepted", "open", o))
		if later {
			s.wait(1000)
			s.journal = newStoryAt(s.now).journal
		}
		f := s.judge(t).Of(Phantom)
		if len(f) != 1 || strings.Contains(f[0].Why, "begins later") != later {
			t.Errorf("%+v", f)
		}
	}
}

// A sum over all wrongs must not miss one: each kind has its own count.
func TestEveryWrongMakesTheJudgeDiscontent(t *testing.T) {
	var v Verdict
	for i := range v.Wrong.charges() {
		v = Verdict{}
		*v.Wrong.charges()[i].count = 1
		if v.Content() {
			t.Errorf("content with one %s", v.Wrong.charges()[i].kind)
		}
	}
}
