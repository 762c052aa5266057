package ledger

import (
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/msgs"
)

// lived lets a ledger live through a tale and ends it.
func (w *world) lived(seed uint64, orders int) *story {
	w.t.Helper()
	s := newTale(seed, orders)
	l := w.start(nil)
	for _, part := range [][]Input{s.orders, s.trades, s.chain} {
		for _, in := range part {
			w.tell(in)
		}
	}
	time.Sleep(5 * time.Second)
	w.b.Wait()
	w.equals(s)
	w.once()
	l.end()
	return s
}

func TestBooksOfAnotherEnvAreRefused(t *testing.T) {
	ctx, path := t.Context(), t.TempDir()+"/ledger.db"
	s, err := OpenStore(ctx, path, msgs.Sandbox)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = OpenStore(ctx, path, msgs.Live)
	if e, ok := errors.AsType[*EnvError](err); !ok || e.Have != msgs.Sandbox || e.Fix() == "" {
		t.Errorf("opened by live: %v", err)
	}
	if s, err = OpenStore(ctx, path, msgs.Sandbox); err != nil {
		t.Errorf("refused its own env after that: %v", err)
	} else {
		s.Close()
	}
}

func TestSecondLedgerOnOneFileIsRefused(t *testing.T) {
	ctx, path := t.Context(), t.TempDir()+"/ledger.db"
	s, err := OpenStore(ctx, path, msgs.Sandbox)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := OpenStore(ctx, path, msgs.Sandbox); !isHeld(err) {
		t.Errorf("a second one: %v", err)
	}
}

func isHeld(err error) bool { _, ok := errors.AsType[*HeldError](err); return ok }

// What is committed is on disk, and rows of the past cannot be changed by mistake.
func TestDatabaseSyncsAndRefusesChanges(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.lived(3, 10)
		s, err := OpenStore(t.Context(), w.path, msgs.Sandbox)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		var mode, sync string
		if err := errors.Join(s.write.QueryRow("PRAGMA journal_mode").Scan(&mode), s.write.QueryRow("PRAGMA synchronous").Scan(&sync)); err != nil {
			t.Fatal(err)
		}
		if mode != "wal" || sync != "2" {
			t.Errorf("journal_mode %s, synchronous %s; want wal and 2, which is FULL", mode, sync)
		}
		for _, table := range []string{"entry", "posting", "natural_key", "event"} {
			for _, change := range []string{"UPDATE " + table + " SET book = 2", "DELETE FROM " + table} {
				if _, err := s.write.Exec(change); err == nil || !strings.Contains(err.Error(), "never") {
					t.Errorf("%s: %v", change, err)
				}
			}
		}
		var off int
		if err := s.write.QueryRow("SELECT count(*) FROM (SELECT sum(amount) AS n FROM posting GROUP BY book, entry, asset HAVING n <> 0)").Scan(&off); err != nil || off != 0 {
			t.Errorf("%d entries are not zero for each asset, %v", off, err)
		}
	})
}

// tamper changes the database as one who owns it can.
func (w *world) tamper(change func(db *sql.DB) error) {
	w.t.Helper()
	db, err := sql.Open("sqlite", dsn(w.path, "rw"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	for _, trigger := range []string{"entry_stays", "entry_kept", "posting_stays", "posting_kept", "event_stays", "event_kept", "key_kept"} {
		if _, err := db.Exec("DROP TRIGGER IF EXISTS " + trigger); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := change(db); err != nil {
		w.t.Fatal(err)
	}
}

func exec(db *sql.DB, text string) error { _, err := db.Exec(text); return err }

// rehash computes every hash of the chain anew, and the events and postings that follow, as a forger would who knows the
// program and has only the database in hand.
func rehash(db *sql.DB, b Book) error {
	j := NewJournal(b.Terms)
	rows, err := db.Query("SELECT seq, body FROM entry WHERE book = ? ORDER BY seq", b.ID)
	if err != nil {
		return err
	}
	var all []*Entry
	for rows.Next() {
		var seq uint64
		var body []byte
		if err := rows.Scan(&seq, &body); err != nil {
			return err
		}
		e, err := openEntry(seq, body, Hash{})
		if err != nil {
			return err
		}
		all = append(all, e)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	for _, stmt := range []string{"DELETE FROM posting", "DELETE FROM event"} {
		if _, err := db.Exec(stmt); err != nil {
			return err
		}
	}
	for _, e := range all {
		e.Hash = chained(j.hash, e.Seq, e.Body)
		if _, err := db.Exec("UPDATE entry SET hash = ? WHERE book = ? AND seq = ?", e.Hash[:], b.ID, e.Seq); err != nil {
			return err
		}
		for _, p := range e.Postings {
			if _, err := db.Exec("INSERT INTO posting VALUES (?, ?, ?, ?, ?)", b.ID, e.Seq, p.Book, string(p.Asset), p.Amount); err != nil {
				return err
			}
		}
		for _, ev := range j.Apply(e) {
			body, err := json.Marshal(ev)
			if err != nil {
				return err
			}
			h := msgs.HeadOf(ev)
			if _, err := db.Exec("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?)", b.ID, h.N, e.Seq, h.AtMS, string(h.Type), string(subjectOf(ev)), body); err != nil {
				return err
			}
		}
	}
	return nil
}

// A row that was changed is found, and so is one that was changed with every later hash, posting and event computed anew:
// then only the words on the bus tell. Without them that forgery passes, which shows that the test is one.
func TestVerifyFindsAChangedRow(t *testing.T) {
	forge := func(db *sql.DB) error {
		_, err := db.Exec(`UPDATE entry SET body = CAST(replace(CAST(body AS TEXT), '"amount":"1000000000000"', '"amount":"2000000000000"') AS BLOB) WHERE seq = (SELECT min(seq) FROM entry WHERE kind = 'tx')`)
		return err
	}
	fix := func(db *sql.DB) error { // keep the first entry balanced
		_, err := db.Exec(`UPDATE entry SET body = CAST(replace(CAST(body AS TEXT), '"amount":"-1000000000000"', '"amount":"-2000000000000"') AS BLOB) WHERE seq = (SELECT min(seq) FROM entry WHERE kind = 'tx')`)
		return err
	}
	for name, c := range map[string]struct {
		change  func(db *sql.DB, b Book) error
		offline bool // found without the bus
	}{
		"nothing":  {nil, false},
		"an entry": {func(db *sql.DB, _ Book) error { return errors.Join(forge(db), fix(db)) }, true},
		"a hash": {func(db *sql.DB, _ Book) error {
			_, err := db.Exec("UPDATE entry SET hash = ? WHERE seq = 2", make([]byte, sha256.Size))
			return err
		}, true},
		"a posting": {func(db *sql.DB, _ Book) error {
			_, err := db.Exec("UPDATE posting SET amount = amount + 1 WHERE entry = 3")
			return err
		}, true},
		"an event": {func(db *sql.DB, _ Book) error {
			_, err := db.Exec("UPDATE event SET body = CAST(replace(CAST(body AS TEXT), '1000000', '2000000') AS BLOB)")
			return err
		}, true},
		"the last entries": {func(db *sql.DB, b Book) error {
			return errors.Join(exec(db, "DELETE FROM entry WHERE seq > 5"), exec(db, "DELETE FROM natural_key WHERE entry > 5"), rehash(db, b))
		}, false},
		"an amount that does not fit": {func(db *sql.DB, _ Book) error {
			_, err := db.Exec(`UPDATE entry SET body = CAST(replace(CAST(body AS TEXT), '"amount":"1000000000000"', '"amount":"9223372036854775807"') AS BLOB) WHERE kind = 'tx'`)
			return err
		}, true},
		"everything": {func(db *sql.DB, b Book) error { return errors.Join(forge(db), fix(db), rehash(db, b)) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.lived(5, 8)
				heads := w.heads()
				look := func(heads []Told) (f Finding) {
					s, err := ReadStore(t.Context(), w.path)
					if err != nil {
						t.Fatal(err)
					}
					defer s.Close()
					books, err := s.Books(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					if heads == nil {
						f, err = s.VerifyAlone(t.Context(), books[0])
					} else {
						f, err = s.Verify(t.Context(), books[0], heads)
					}
					if err != nil {
						f.wrong("%v", err)
					}
					return f
				}
				if c.change != nil {
					books := func() []Book {
						s, err := ReadStore(t.Context(), w.path)
						if err != nil {
							t.Fatal(err)
						}
						defer s.Close()
						books, err := s.Books(t.Context())
						if err != nil {
							t.Fatal(err)
						}
						return books
					}()
					w.tamper(func(db *sql.DB) error { return c.change(db, books[0]) })
				}
				if f := look(nil); (len(f.Wrong) > 0) != c.offline {
					t.Errorf("without the bus: %q", f.Wrong)
				}
				if f := look(heads); (len(f.Wrong) > 0) != (c.change != nil) {
					t.Errorf("with what the bus has told: %q", f.Wrong)
				}
			})
		})
	}
}

// Entries of which the bus tells nothing are not called whole: its log may have been emptied by who changed them.
func TestVerifyWithoutAnyWordIsNoProof(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.lived(5, 8)
		log, err := w.js.Stream(t.Context(), "LOG_main")
		if err == nil {
			err = log.Purge(t.Context(), jetstream.WithPurgeSubject("evt.ledger.main"))
		}
		if err != nil {
			t.Fatal(err)
		}
		if f := w.verify(); f.Entries == 0 || f.Anchors != 0 || len(f.Wrong) != 1 || !strings.Contains(f.Wrong[0], "evt.ledger.main was emptied") {
			t.Errorf("found %+v", f)
		}
	})
}

// Books that were restored from a copy would tell other events under numbers that are told; they are refused. Books that
// were lost altogether are made anew from the streams, and go on behind what was told.
func TestOldBooksAreRefusedAndLostOnesAreMadeAnew(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		s := newTale(9, 20)
		l := w.start(nil)
		half := len(s.orders) / 2
		for _, in := range s.orders[:half] {
			w.tell(in)
		}
		time.Sleep(3 * time.Second)
		w.b.Wait()
		now := w.path
		l.crash(true) // a copy of this moment
		<-l.ended
		copied := w.path
		w.path = now
		l = w.start(nil)
		for _, part := range [][]Input{s.orders[half:], s.trades, s.chain} {
			for _, in := range part {
				w.tell(in)
			}
		}
		time.Sleep(5 * time.Second)
		w.b.Wait()
		w.equals(s)
		told := len(w.told())
		l.end()

		w.path = copied
		l = w.start(nil)
		select {
		case <-l.ended:
		case <-time.After(time.Minute):
			t.Fatal("books restored from a copy are kept on")
		}
		if e, ok := errors.AsType[*BehindError](l.err); !ok || e.Told != uint64(told) {
			t.Fatalf("books restored from a copy: %v", l.err)
		}

		// A ledger that keeps other books of the account from the beginning is found out as well.
		s2, err := OpenStore(t.Context(), w.path+".other", msgs.Sandbox)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := s2.Book(t.Context(), termsOf("main"), func() (uint64, error) { return 0, nil }); err != nil {
			t.Fatal(err)
		}
		s2.Close()
		w.path += ".other"
		l = w.start(nil)
		select {
		case <-l.ended:
		case <-time.After(time.Minute):
			t.Fatal("other books of the account are kept")
		}
		if _, ok := errors.AsType[*BehindError](l.err); !ok {
			t.Fatalf("other books of the account: %v", l.err)
		}

		w.path += ".new"
		l = w.start(nil)
		time.Sleep(5 * time.Second)
		w.b.Wait()
		w.equals(s)
		w.once()
		if more := len(w.told()) - told; more <= 0 {
			t.Errorf("new books have told %d events", more)
		}
		l.end()
	})
}

// A local venue that starts again has a new chain with the same first transaction: the old balances end and the new
// ones begin. In any other env that is an error.
func TestNewChainOfALocalVenueReplacesTheBalances(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		s := w.lived(4, 15)
		l := w.start(nil)
		w.chain.restart("D")
		w.chain.mine(s.chain[0].(Mined).Tx)
		time.Sleep(5 * time.Second)
		w.b.Wait()
		a := ask[msgs.BalancesAnswer](w, "balances", msgs.Empty{})
		if a.Cash.Total != 1e12 {
			t.Errorf("after the new chain's first transaction the wallet has %s, want 1000000", a.Cash.Total)
		}
		w.once()
		l.end()
		l = w.start(nil) // and so after a restart
		time.Sleep(time.Second)
		w.b.Wait()
		if a := ask[msgs.BalancesAnswer](w, "balances", msgs.Empty{}); a.Cash.Total != 1e12 {
			t.Errorf("after a restart the wallet has %s", a.Cash.Total)
		}
		l.end()
	})
}

func TestHistoryComesInPages(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.lived(6, 12)
		l := w.start(nil)
		time.Sleep(time.Second)
		var all []msgs.LedgerBalance
		for after := ""; ; {
			a := ask[msgs.HistoryAnswer](w, "history", msgs.HistoryQuestion{Asset: "pUSD", Limit: 3, After: after})
			if len(a.Changes) > 3 || a.Next == "" && len(a.Changes) == 0 && after != "" {
				t.Fatalf("a page of %d", len(a.Changes))
			}
			all = append(all, a.Changes...)
			if after = a.Next; after == "" {
				break
			}
		}
		balance := int64(0)
		for _, b := range all {
			if b.Asset != "pUSD" {
				t.Errorf("asked for pUSD, told of %s", b.Asset)
			}
			if balance += int64(b.Change); balance != int64(b.Balance) {
				t.Errorf("event %d: balance %s after a change of %s", b.N, b.Balance, b.Change)
			}
		}
		if a := ask[msgs.BalancesAnswer](w, "balances", msgs.Empty{}); int64(a.Cash.Total) != balance || len(all) < 5 {
			t.Errorf("%d changes come to %d, and the wallet has %s", len(all), balance, a.Cash.Total)
		}
		l.end()
	})
}
