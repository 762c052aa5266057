package msgs

import (
	"strings"
	"time"
)

// Storage says where a stream is kept.
type Storage string

const (
	File   Storage = "file"
	Memory Storage = "memory"
)

// Discard says what a full stream does.
type Discard string

const (
	// DiscardNew refuses the append: the sender hears of it, nothing that was promised is lost.
	DiscardNew Discard = "new"
	// DiscardOld forgets the oldest message.
	DiscardOld Discard = "old"
)

// Bounds of the streams. The broker sets MaxBytes aside when a stream is made, so all of them together must fit its store.
const (
	MaxAskBytes    = 128 << 20 // a quarter of a million commands and feed events; space comes back by purge
	MaxLogBytes    = 2 << 30   // three million events; many times ASK, because recording a fill must never be what fails
	MaxAskAllBytes = 8 << 20   // control commands to every account are few
	MaxMarketBytes = 128 << 20 // a hundred thousand books of about a kilobyte, in memory
	MaxQuotaBytes  = 128 << 20 // two days of four credentials that submit all that 25 a minute allow; the rest is trimmed
	MaxGasBytes    = 256 << 20 // a quarter of a million transactions of about a kilobyte; nothing of them may ever go
	MaxDeadBytes   = 64 << 20  // a thousand of the largest messages; the oldest go
)

// DeadRepeats is for how long a letter is known again that comes once more: a message that nothing readable has followed is
// read again at each start, and most starts that follow each other do so within a day.
const DeadRepeats = 24 * time.Hour

// Stream is how one stream is to be made. Subjects are listed exactly: a misspelt one is not stored, and its sender
// gets "no responders" at once.
type Stream struct {
	Name              string
	Subjects          []string
	Storage           Storage
	Sync              bool // every append is on disk before it is acknowledged
	MaxMsgsPerSubject int64
	MaxBytes          int64
	Discard           Discard
	Repeats           time.Duration // for how long a message id is known again; 0 is the broker's own two minutes
	Doc               string
}

// AccountStreams are the two streams of one account.
func AccountStreams(a Account) []Stream {
	return []Stream{
		{
			Name: AskStream(a), Subjects: storedIn(AskStream("<account>"), a), Storage: File, Sync: true,
			MaxBytes: MaxAskBytes, Discard: DiscardNew,
			Doc: "what was asked of the account, and its private feed: what its actors read",
		},
		{
			Name: LogStream(a), Subjects: storedIn(LogStream("<account>"), a), Storage: File, Sync: true,
			MaxBytes: MaxLogBytes, Discard: DiscardNew,
			Doc: "what the account's actors wrote",
		},
	}
}

// SharedStreams are the streams that are there once.
func SharedStreams() []Stream {
	return []Stream{
		{
			Name: AskAllStream, Subjects: storedIn(AskAllStream, AllAccounts), Storage: File, Sync: true,
			MaxBytes: MaxAskAllBytes, Discard: DiscardOld,
			Doc: "control commands to every account; each account's executor reads it",
		},
		{
			Name: MarketStream, Subjects: storedIn(MarketStream, ""), Storage: Memory, MaxMsgsPerSubject: 1,
			MaxBytes: MaxMarketBytes, Discard: DiscardOld,
			Doc: "last book and last market fact per subject; may be lost",
		},
		{
			Name: DeadStream, Subjects: []string{"dead.>"}, Storage: File, Sync: true,
			MaxBytes: MaxDeadBytes, Discard: DiscardOld, Repeats: DeadRepeats,
			Doc: "what could not be tied to an account, or could not be decided",
		},
		{
			Name: QuotaStream, Subjects: []string{QuotaSubject("*")}, Storage: File, Sync: true,
			MaxBytes: MaxQuotaBytes, Discard: DiscardNew,
			Doc: "the books of daily units, one subject for each credential: for their keepers alone, trimmed by them, never by age",
		},
		{
			Name: GasStream, Subjects: []string{GasSubject("*", "*")}, Storage: File, Sync: true,
			MaxBytes: MaxGasBytes, Discard: DiscardNew,
			Doc: "the transactions that owners pay for, one subject for each account on each chain: for their senders alone",
		},
	}
}

// storedIn lists the subjects that the table puts into a stream: the account in its place, every other blank a wildcard.
func storedIn(stream string, a Account) []string {
	var out []string
	for _, r := range Table() {
		if r.Stream == stream {
			out = append(out, subjectOf(r.Subject, a))
		}
	}
	return out
}

// subjectOf fills the blanks of a row's pattern: the account as given, every other blank as one wildcard token.
func subjectOf(pattern string, a Account) string {
	t := strings.Split(pattern, ".")
	for i, s := range t {
		switch {
		case s == "<account>" && a != "":
			t[i] = string(a)
		case strings.HasPrefix(s, "<"):
			t[i] = "*"
		}
	}
	return strings.Join(t, ".")
}

// PayloadType is the type of what is published on a subject: the envelope on the log, the question (not its answer) on
// svc, empty for a subject that is not in the table.
func PayloadType(subject string) Type {
	for _, r := range Table() {
		if !matches(r.Subject, subject) {
			continue
		}
		if r.Class == ClassEvent {
			return TypeEnvelope
		}
		return r.Types[0]
	}
	return ""
}

// matches reports whether a subject is one of a pattern's.
func matches(pattern, subject string) bool {
	p, s := strings.Split(pattern, "."), strings.Split(subject, ".")
	if len(p) != len(s) {
		return false
	}
	for i := range p {
		if s[i] == "" || p[i] != s[i] && !strings.HasPrefix(p[i], "<") {
			return false
		}
	}
	return true
}
