package judge

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// recordLine is one stored message of the bus.
type recordLine struct {
	Stream   text   `json:"stream"`
	Subject  text   `json:"subject"`
	Seq      whole  `json:"seq"`
	StoredUs whole  `json:"stored_us"`
	Data     string `json:"data"`
}

// message is a stored message that waits for its stream to be complete.
type message struct {
	stream, subject string
	seq, storedUs   int64
	data            string
}

// where names a message in findings.
func (m message) where() string { return fmt.Sprintf("%s:%d", m.stream, m.seq) }

// deadLetter is what a service could not tie to an account or could not act on; it answers a command all the same.
type deadLetter struct {
	Stream    text  `json:"stream"`
	Subject   text  `json:"subject"`
	Seq       whole `json:"seq"`
	CmdSeq    whole `json:"cmd_seq"`
	StreamSeq whole `json:"stream_seq"`
	Data      text  `json:"data"`
}

// cemetery finds the letters about a command: by sequence and origin, or by subject and content.
type cemetery struct {
	bySeq  map[int64][]deadLetter
	byText map[string]bool
}

func (y *cemetery) add(d deadLetter) {
	for _, seq := range []whole{d.CmdSeq, d.StreamSeq, d.Seq} {
		if seq.set {
			y.bySeq[seq.n] = append(y.bySeq[seq.n], d)
			return
		}
	}
	y.byText[string(d.Subject)+"\n"+string(d.Data)] = true
}

func (y *cemetery) answers(k *command) bool {
	for _, d := range y.bySeq[k.seq] {
		if string(d.Stream) == k.stream || string(d.Subject) == k.subject {
			return true
		}
	}
	return y.byText[k.subject+"\n"+k.data]
}

func (c *court) readRecord(r io.Reader) error {
	seen := map[string]map[int64]string{}
	var dead []message
	err := eachLine(r, func(n int, b []byte) {
		m, why := readMessage(b)
		if why != "" {
			c.unreadable(fmt.Sprintf("commands line %d", n), why)
			return
		}
		if seen[m.stream] == nil {
			seen[m.stream] = map[int64]string{}
		}
		if before, twice := seen[m.stream][m.seq]; twice {
			if before != m.data {
				c.unreadable(m.where(), "stored twice with different content")
			}
			return
		}
		seen[m.stream][m.seq] = m.data
		if m.stream == "DEAD" {
			dead = append(dead, m)
			return
		}
		c.file(m)
	}, func(n int) {
		c.unreadable(fmt.Sprintf("commands line %d", n), "longer than any record")
	})
	for _, m := range dead {
		var d deadLetter
		if why := decode([]byte(m.data), &d); why != "" {
			c.unreadable(m.where(), why)
			continue
		}
		c.dead.add(d)
	}
	return err
}

func readMessage(b []byte) (message, string) {
	var l recordLine
	if why := decode(b, &l); why != "" {
		return message{}, why
	}
	if l.Stream == "" || l.Subject == "" || !l.Seq.set || !l.StoredUs.set {
		return message{}, "stream, subject, seq or stored_us missing"
	}
	return message{
		stream: string(l.Stream), subject: string(l.Subject), seq: l.Seq.n, storedUs: l.StoredUs.n, data: l.Data,
	}, ""
}

// file puts a message where it will be looked for: by what its subject says, whatever the stream is called.
func (c *court) file(m message) {
	parts := strings.Split(m.subject, ".")
	switch {
	case len(parts) == 4 && parts[0] == "cmd" && parts[1] == "tx":
		a := c.account(parts[2])
		a.heard(m.seq)
		a.work = append(a.work, newCommand(m, parts[1], parts[2], parts[3]))
		c.unfamiliar("command cmd.tx") // to Judge; JudgeWork knows them
	case len(parts) == 4 && parts[0] == "cmd" && (parts[1] == "order" || parts[1] == "control"):
		k := newCommand(m, parts[1], parts[2], parts[3])
		if k.account == "all" {
			c.forAll = append(c.forAll, k)
			return
		}
		a := c.account(k.account)
		a.heard(m.seq)
		a.commands = append(a.commands, k)
	case len(parts) == 3 && parts[0] == "evt":
		a := c.account(parts[2])
		a.log = append(a.log, m)
	case len(parts) >= 3 && parts[0] == "feed":
		a := c.account(parts[1])
		a.heard(m.seq)
		a.feed++
	case len(parts) == 2 && parts[0] == "quota":
		c.quota = append(c.quota, m)
	default:
		c.unfamiliar("subject " + strings.Join(parts[:min(2, len(parts))], "."))
	}
}

// heard notes how far back the account's ASK stream reaches.
func (a *account) heard(seq int64) {
	if a.firstSeq == 0 || seq < a.firstSeq {
		a.firstSeq = seq
	}
}

func (c *court) account(name string) *account {
	a := c.accounts[name]
	if a == nil {
		a = newAccount(c, name)
		c.accounts[name] = a
	}
	return a
}

// prepare puts every stream in its own order and takes the accounts that are to be judged.
func (c *court) prepare() {
	bySeq := func(a, b *command) int { return cmp.Compare(a.seq, b.seq) }
	slices.SortFunc(c.forAll, bySeq)
	markRepeats(c.forAll)
	c.verdict.CommandsStored = len(c.forAll)
	c.venue.settle()
	for _, a := range c.accounts {
		slices.SortFunc(a.commands, bySeq)
		slices.SortFunc(a.work, bySeq)
		markRepeats(a.work)
		slices.SortFunc(a.log, func(x, y message) int { return cmp.Compare(x.seq, y.seq) })
		markRepeats(a.commands)
	}
	for _, a := range c.judged() {
		c.verdict.Accounts = append(c.verdict.Accounts, a.name)
		a.index()
	}
}

// judges reports whether an account is to be judged.
func (c *court) judges(name string) bool {
	return c.accounts[name] != nil && (len(c.only) == 0 || c.only[name])
}

// judged walks the accounts to be judged in the order of their names.
func (c *court) judged() []*account {
	var out []*account
	for _, a := range c.accounts {
		if c.judges(a.name) {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, func(a, b *account) int { return cmp.Compare(a.name, b.name) })
	return out
}
