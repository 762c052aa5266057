package judge

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Defaults of [Options], from the design's delivery rules.
const (
	// DefaultSendBy is how long after its intent's append the last byte of a request may leave.
	DefaultSendBy = 2 * time.Second
	// DefaultVisibility is how long after send-by a venue may need before its "not found" can be believed.
	DefaultVisibility = 10 * time.Second
	// DefaultAge is how long a command without valid_until_ms is wanted.
	DefaultAge = 5 * time.Second
	// DefaultTolerance covers a busy host between two time stamps of one clock, and the clocks of a small cluster.
	DefaultTolerance = 250 * time.Millisecond
	// DefaultMaxFindings shows enough to work with and keeps a verdict readable when everything is wrong.
	DefaultMaxFindings = 20
)

// Options sets the figures of the rules. The zero value means the defaults; a negative span means none at all.
type Options struct {
	SendBy      time.Duration
	Visibility  time.Duration
	Age         time.Duration
	Tolerance   time.Duration
	MaxFindings int
	// Accounts limits the judgement to these; empty means every account whose streams are in the record.
	Accounts []string
}

// rules are the options in the records' own unit.
type rules struct {
	sendBy, visibility, age, tolerance int64
	maxFindings                        int
}

func (o Options) rules() rules {
	micros := func(d, usual time.Duration) int64 {
		if d == 0 {
			d = usual
		}
		return max(d, 0).Microseconds()
	}
	r := rules{
		sendBy:      micros(o.SendBy, DefaultSendBy),
		visibility:  micros(o.Visibility, DefaultVisibility),
		age:         micros(o.Age, DefaultAge),
		tolerance:   micros(o.Tolerance, DefaultTolerance),
		maxFindings: o.MaxFindings,
	}
	if r.maxFindings == 0 {
		r.maxFindings = DefaultMaxFindings
	}
	return r
}

// Judge reads both records to their ends and says what the run did wrong. The error is a reader's; what cannot be
// understood is in the verdict. Time and memory grow with the size of the records.
func Judge(journal, commands io.Reader, opts Options) (Verdict, error) {
	c := newCourt(opts)
	if err := c.venue.read(journal); err != nil {
		return Verdict{}, fmt.Errorf("read journal: %w", err)
	}
	if err := c.readRecord(commands); err != nil {
		return Verdict{}, fmt.Errorf("read commands: %w", err)
	}
	c.prepare()
	for _, a := range c.judged() {
		a.replay()
		a.resolve()
	}
	c.join()
	for _, a := range c.judged() {
		a.checkLost()
		a.checkBarriers()
		a.checkSends()
		a.checkState()
		a.count()
	}
	c.checkStrays()
	c.checkLimits()
	c.checkPresent()
	return c.sentence(), nil
}

// checkPresent refuses to acquit on a record that is not there: a wrong file must not look like a clean run.
func (c *court) checkPresent() {
	if !c.venue.known {
		c.unreadable("journal", "no meta line in it")
	}
	if len(c.verdict.Accounts) == 0 {
		c.unreadable("commands", "no stream of an account to judge in it")
	}
	for _, name := range sorted(c.only) {
		if c.accounts[name] == nil {
			c.unreadable("commands", "no stream of account "+name+" in it")
		}
	}
}

// court is one judgement: the venue's record, each account's record, and the findings so far.
type court struct {
	rules
	venue    *venue
	accounts map[string]*account
	only     map[string]bool
	forAll   []*command // stored on ASK_all
	dead     cemetery
	quota    []message // the books of daily units

	verdict Verdict
	counts  map[Kind]*int
	shown   map[Kind]int
}

func newCourt(opts Options) *court {
	c := &court{
		rules:    opts.rules(),
		accounts: map[string]*account{},
		only:     map[string]bool{},
		counts:   map[Kind]*int{},
		shown:    map[Kind]int{},
		dead:     cemetery{bySeq: map[int64][]deadLetter{}, byText: map[string]bool{}},
	}
	for _, name := range opts.Accounts {
		c.only[name] = true
	}
	for _, ch := range c.verdict.Wrong.charges() {
		c.counts[ch.kind] = ch.count
	}
	c.verdict.Unfamiliar = map[string]int{}
	c.verdict.Findings = []Finding{}
	c.verdict.Accounts = []string{}
	c.venue = newVenue(c)
	return c
}

// accuse counts one case and keeps it as a finding while there is room for its kind.
func (c *court) accuse(k Kind, f Finding) {
	*c.counts[k]++
	if c.shown[k] < c.maxFindings {
		c.shown[k]++
		f.Kind = k
		c.verdict.Findings = append(c.verdict.Findings, f)
	}
}

// maxNames bounds how many different unfamiliar names are kept, since a name is whatever a line says it is.
const maxNames = 100

// unfamiliar counts a well-formed thing of an unknown kind.
func (c *court) unfamiliar(name string) {
	const longest = 60
	if len(name) > longest {
		name = name[:longest]
	}
	if _, known := c.verdict.Unfamiliar[name]; !known && len(c.verdict.Unfamiliar) >= maxNames {
		name = "others"
	}
	c.verdict.Unfamiliar[name]++
}

// unreadable counts a thing that should have been understood; where is the record and line, or stream and sequence.
func (c *court) unreadable(where string, why string) {
	c.accuse(Unreadable, Finding{Why: where + ": " + why})
}

// decode unmarshals one object and says why it cannot.
func decode(b []byte, into any) string {
	if len(b) == 0 || b[0] != '{' {
		return "not a JSON object"
	}
	if err := json.Unmarshal(b, into); err != nil {
		return err.Error()
	}
	return ""
}

// sentence adds up what is derived and hands the verdict over.
func (c *court) sentence() Verdict {
	w := &c.verdict.Wrong
	w.Lost = w.LostCommands + w.Unresolved + w.Denied + w.Phantom
	if len(c.verdict.Unfamiliar) == 0 {
		c.verdict.Unfamiliar = nil
	}
	return c.verdict
}
