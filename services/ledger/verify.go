package ledger

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"sluice/pkg/msgs"
)

// Told is a word about the chain of entries that was published outside of the database.
type Told struct {
	N uint64 // of the event
	msgs.Anchor
}

// Finding is what verification found of one account's books.
type Finding struct {
	Account  msgs.Account `json:"account"`
	Book     string       `json:"book"`
	Entries  uint64       `json:"entries"`
	Hash     string       `json:"hash"`
	Anchors  int          `json:"anchors"`  // words outside that were compared
	Anchored uint64       `json:"anchored"` // last entry that such a word covers
	Wrong    []string     `json:"wrong,omitempty"`
}

// maxWrong bounds what is said to be wrong: after the first few, more says nothing new.
const maxWrong = 20

func (f *Finding) wrong(format string, args ...any) {
	if len(f.Wrong) < maxWrong {
		f.Wrong = append(f.Wrong, fmt.Sprintf(format, args...))
	}
}

// Verify recomputes one account's books from their entries: every hash, every posting, every balance and event; and
// compares the hashes with what was told outside. Wrong is empty when everything holds. Entries of which nothing was told
// are wrong: who can change the database can empty a log as well.
func (s *Store) Verify(ctx context.Context, b Book, told []Told) (Finding, error) {
	f, err := s.verify(ctx, b, told)
	if err == nil && f.Entries > 0 && f.Anchors == 0 {
		f.wrong("nothing outside tells of these %d entries: evt.ledger.%s was emptied, or the ledger has told nothing yet; an entry changed with every later hash would not be found", f.Entries, f.Account)
	}
	return f, err
}

// VerifyAlone is Verify without what was told: an entry that was changed together with every later hash is not found.
func (s *Store) VerifyAlone(ctx context.Context, b Book) (Finding, error) {
	return s.verify(ctx, b, nil)
}

func (s *Store) verify(ctx context.Context, b Book, told []Told) (Finding, error) {
	f := Finding{Account: b.Terms.Account, Book: b.Terms.Book}
	// One transaction: the books may go on meanwhile.
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return f, fmt.Errorf("read books: %w", err)
	}
	defer tx.Rollback()
	anchors := map[uint64][]Told{}
	for _, t := range told {
		if t.Book == b.Terms.Book && t.Entry > 0 {
			anchors[t.Entry] = append(anchors[t.Entry], t)
			f.Anchors++
			f.Anchored = max(f.Anchored, t.Entry)
		} else if t.Book != "" && t.Book != b.Terms.Book && t.N > b.FirstN {
			f.wrong("event %d was told of book %s, and the database holds book %s: it is another one", t.N, t.Book, b.Terms.Book)
		}
	}
	j := NewJournal(b.Terms)
	j.n = b.FirstN
	rows, err := openPostings(ctx, tx, b.ID)
	if err != nil {
		return f, err
	}
	defer rows.rows.Close()
	for e, err := range s.entries(ctx, tx, b.ID, 0) {
		if err != nil {
			return f, err
		}
		if e.Seq != f.Entries+1 {
			f.wrong("entry %d stands where entry %d is next", e.Seq, f.Entries+1)
		}
		hash := chained(j.hash, e.Seq, e.Body)
		if hash != e.Hash {
			f.wrong("entry %d: its hash is not that of its content and the entry before", e.Seq)
		}
		for _, t := range anchors[e.Seq] {
			if t.Hash != hash.String() {
				f.wrong("entry %d: event %d told hash %s, and the database comes to %s: an entry up to here was changed", e.Seq, t.N, t.Hash, hash)
			}
		}
		e.Hash = hash
		have, err := rows.of(e.Seq)
		if err != nil {
			return f, err
		}
		f.checkEntry(e, have)
		f.Entries, f.Hash = e.Seq, hash.String()
		if a := j.overflows(e); a != "" {
			f.wrong("entry %d: its postings in %s make more than an amount can be; what follows was not looked at", e.Seq, a)
			return f, nil
		}
		events := j.Apply(e)
		if err := f.checkEvents(ctx, tx, b, events); err != nil {
			return f, err
		}
	}
	if f.Anchored > f.Entries {
		f.wrong("entry %d was told, and the database ends at %d: entries were removed", f.Anchored, f.Entries)
	}
	return f, f.checkRest(ctx, tx, b, j)
}

// overflows names an asset of which an entry makes more than an amount can be, empty for none. No ledger writes such an
// entry.
func (j *Journal) overflows(e *Entry) Asset {
	have := map[Line]int64{}
	for _, p := range e.Postings {
		l := Line{p.Book, p.Asset}
		if _, known := have[l]; !known {
			have[l] = j.bal[l]
		}
		if !fits(have[l], p.Amount) {
			return p.Asset
		}
		have[l] += p.Amount
	}
	return ""
}

// checkEntry holds an entry against its rows of postings.
func (f *Finding) checkEntry(e *Entry, have []Posting) {
	if a, sum := unbalanced(e.Postings); a != "" {
		f.wrong("entry %d: its postings in %s sum to %d", e.Seq, a, sum)
	}
	if !slices.Equal(have, e.Postings) {
		f.wrong("entry %d: its rows in the table of postings are not what it says", e.Seq)
	}
}

// postingRows walks the table of postings beside the entries.
type postingRows struct {
	rows  *sql.Rows
	entry uint64 // of ahead, 0 for none
	ahead Posting
}

func openPostings(ctx context.Context, db querier, book int64) (*postingRows, error) {
	rows, err := db.QueryContext(ctx, "SELECT entry, line, asset, amount FROM posting WHERE book = ? ORDER BY entry, asset, line", book)
	if err != nil {
		return nil, fmt.Errorf("read postings: %w", err)
	}
	return &postingRows{rows: rows}, nil
}

// of gives the rows of an entry, passing over those of lower numbers.
func (p *postingRows) of(seq uint64) (out []Posting, err error) {
	for p.entry <= seq {
		if p.entry == seq {
			out = append(out, p.ahead)
		}
		if p.entry = math.MaxUint64; !p.rows.Next() {
			return out, p.rows.Err()
		}
		if err := p.rows.Scan(&p.entry, &p.ahead.Book, &p.ahead.Asset, &p.ahead.Amount); err != nil {
			return nil, fmt.Errorf("read postings: %w", err)
		}
	}
	return out, nil
}

// checkEvents holds the stored events of an entry against those that follow from it.
func (f *Finding) checkEvents(ctx context.Context, db querier, b Book, events []msgs.Event) error {
	for _, e := range events {
		h := msgs.HeadOf(e)
		want, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("encode event: %w", err)
		}
		var have []byte
		if err := db.QueryRowContext(ctx, "SELECT body FROM event WHERE book = ? AND n = ?", b.ID, h.N).Scan(&have); err != nil {
			f.wrong("event %d: %v", h.N, err)
		} else if !bytes.Equal(have, want) {
			f.wrong("event %d is not what its entry says", h.N)
		}
	}
	return nil
}

// checkRest looks for rows that belong to nothing.
func (f *Finding) checkRest(ctx context.Context, db querier, b Book, j *Journal) error {
	for _, q := range []struct{ what, text string }{
		{"postings", "SELECT count(*) FROM posting p WHERE book = ? AND NOT EXISTS (SELECT 1 FROM entry e WHERE e.book = p.book AND e.seq = p.entry)"},
		{"keys", "SELECT count(*) FROM natural_key k WHERE book = ? AND NOT EXISTS (SELECT 1 FROM entry e WHERE e.book = k.book AND e.seq = k.entry)"},
		{"events", "SELECT count(*) FROM event v WHERE book = ? AND NOT EXISTS (SELECT 1 FROM entry e WHERE e.book = v.book AND e.seq = v.entry)"},
	} {
		var n int
		if err := db.QueryRowContext(ctx, q.text, b.ID).Scan(&n); err != nil {
			return fmt.Errorf("count %s: %w", q.what, err)
		}
		if n > 0 {
			f.wrong("%d %s belong to no entry", n, q.what)
		}
	}
	var last uint64
	if err := db.QueryRowContext(ctx, "SELECT coalesce(max(n), ?) FROM event WHERE book = ?", b.FirstN, b.ID).Scan(&last); err != nil {
		return fmt.Errorf("find last event: %w", err)
	}
	if last != j.n {
		f.wrong("the last event is %d, and the entries come to %d", last, j.n)
	}
	return nil
}
