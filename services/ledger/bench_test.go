package ledger

import (
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sluice/pkg/msgs"
)

// lives makes the inputs of n orders that are matched and settled, in the order in which they would come.
func lives(n int) (out []Input) {
	s := plot()
	for i := range n {
		id, trade, hash := fmt.Sprintf("%064x", i), fmt.Sprintf("trade-%08d", i), msgs.TxHash(fmt.Sprintf("0x%064x", i))
		side := []msgs.Side{msgs.Buy, msgs.Sell}[i%2]
		o := s.placed(id, side, msgs.GTC, 500_000, 1*whole)
		s.word(o, trade, 500_000, 1*whole, msgs.Matched, "")
		o.Filled, o.State, o.Final = 1*whole, msgs.Filled, true
		s.fillTold(o, trade, 500_000, 1*whole)
		s.settles(o, hash, 500_000, 1*whole, 0)
		s.word(o, trade, 500_000, 1*whole, "MINED", hash)
		s.word(o, trade, 500_000, 1*whole, msgs.Confirmed, hash)
	}
	return s.all
}

// opened is a keeper on new books in a folder.
func opened(b *testing.B) (*keeper, *desk, func()) {
	b.Helper()
	store, err := OpenStore(b.Context(), filepath.Join(b.TempDir(), "ledger.db"), msgs.Sandbox)
	if err != nil {
		b.Fatal(err)
	}
	s := &Service{cfg: Config{Log: slog.New(slog.NewTextHandler(io.Discard, nil))}.withDefaults(), count: newCounters()}
	book, j, err := store.Book(b.Context(), termsOf("main"), func() (uint64, error) { return 0, nil })
	if err != nil {
		b.Fatal(err)
	}
	d := &desk{book: book, journal: j, wake: make(chan struct{}, 1)}
	k := &keeper{s: s, store: store, desks: []*desk{d}}
	if k.w, err = store.writer(b.Context()); err != nil {
		b.Fatal(err)
	}
	return k, d, func() { k.w.close(); store.Close() }
}

// BenchmarkBooks counts the entries and postings a second that are on disk, by how many inputs one commit takes: what waits
// when the disk is slow, at most groupMost. Beside it stand the same postings as a program without a journal would write
// them, each in a transaction that changes two balances, and the bytes alone, appended and synced one by one.
func BenchmarkBooks(b *testing.B) {
	const orders = 500
	inputs := lives(orders)
	for _, size := range []int{1, 16, groupMost} {
		b.Run(fmt.Sprintf("group=%d", size), func(b *testing.B) {
			var entries, posted, took int
			for b.Loop() {
				k, d, end := opened(b)
				began := time.Now()
				for at := 0; at < len(inputs); at += size {
					var group []work
					for _, in := range inputs[at:min(at+size, len(inputs))] {
						group = append(group, work{desk: d, inputs: []Input{in}})
					}
					if err := k.group(b.Context(), group); err != nil {
						b.Fatal(err)
					}
				}
				took += int(time.Since(began))
				entries += int(d.journal.seq)
				var n int
				if err := k.store.read.QueryRow("SELECT count(*) FROM posting").Scan(&n); err != nil {
					b.Fatal(err)
				}
				posted += n
				end()
			}
			rate(b, entries, took, "entries/s")
			rate(b, posted, took, "postings/s")
		})
	}
	b.Run("naive", func(b *testing.B) {
		var posted, took int
		for b.Loop() {
			n, d := naive(b, orders)
			posted, took = posted+n, took+int(d)
		}
		rate(b, posted, took, "postings/s")
	})
	b.Run("append and fsync", func(b *testing.B) {
		f, err := os.Create(filepath.Join(b.TempDir(), "raw"))
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		n, line, began := 0, make([]byte, 300), time.Now()
		for b.Loop() {
			if _, err := f.Write(line); err != nil {
				b.Fatal(err)
			}
			if err := f.Sync(); err != nil {
				b.Fatal(err)
			}
			n++
		}
		rate(b, n, int(time.Since(began)), "appends/s")
	})
}

func rate(b *testing.B, n, ns int, unit string) {
	b.ReportMetric(0, "ns/op")
	if ns > 0 {
		b.ReportMetric(float64(n)*1e9/float64(ns), unit)
	}
}

// naive writes four postings for each order, as often as an order changes something.
func naive(b *testing.B, orders int) (int, time.Duration) {
	b.Helper()
	db, err := sql.Open("sqlite", dsn(filepath.Join(b.TempDir(), "naive.db"), "rwc"))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`CREATE TABLE balance (line TEXT PRIMARY KEY, amount INTEGER); CREATE TABLE posting (id INTEGER PRIMARY KEY, line TEXT, amount INTEGER);
		INSERT INTO balance VALUES ('wallet', 0), ('clearing', 0)`); err != nil {
		b.Fatal(err)
	}
	began, posted := time.Now(), 0
	for range orders {
		for range 2 {
			tx, err := db.Begin()
			if err != nil {
				b.Fatal(err)
			}
			for line, n := range map[string]int{"wallet": -1, "clearing": 1} {
				if _, err := tx.Exec("INSERT INTO posting (line, amount) VALUES (?, ?)", line, n); err != nil {
					b.Fatal(err)
				}
				if _, err := tx.Exec("UPDATE balance SET amount = amount + ? WHERE line = ?", n, line); err != nil {
					b.Fatal(err)
				}
				posted++
			}
			if err := tx.Commit(); err != nil {
				b.Fatal(err)
			}
		}
	}
	return posted, time.Since(began)
}
