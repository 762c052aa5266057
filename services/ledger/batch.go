package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"sluice/pkg/msgs"
)

// writer is the one connection that changes the books, with its statements.
type writer struct {
	conn                                           *sql.Conn
	seen, key, entry, post, event, place, snapshot *sql.Stmt
}

func (s *Store) writer(ctx context.Context) (*writer, error) {
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("open writer of the books: %w", err)
	}
	w := &writer{conn: conn}
	for _, p := range []struct {
		to   **sql.Stmt
		text string
	}{
		{&w.seen, "SELECT count(*) FROM natural_key WHERE book = ? AND key = ?"},
		{&w.key, "INSERT INTO natural_key VALUES (?, ?, ?)"},
		{&w.entry, "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)"},
		{&w.post, "INSERT INTO posting VALUES (?, ?, ?, ?, ?)"},
		{&w.event, "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?)"},
		{&w.place, "UPDATE book SET positions = ?, published = ? WHERE id = ?"},
		{&w.snapshot, "INSERT INTO snapshot VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET seq = excluded.seq, body = excluded.body"},
	} {
		if *p.to, err = conn.PrepareContext(ctx, p.text); err != nil {
			return nil, errors.Join(fmt.Errorf("prepare %q: %w", p.text, err), conn.Close())
		}
	}
	return w, nil
}

func (w *writer) close() error { return w.conn.Close() }

func (w *writer) begin(ctx context.Context) error { return w.exec(ctx, "BEGIN IMMEDIATE") }

// commit makes what was written since begin durable. After an error nothing is known of it.
func (w *writer) commit(ctx context.Context) error { return w.exec(ctx, "COMMIT") }

func (w *writer) rollback(ctx context.Context) error { return w.exec(ctx, "ROLLBACK") }

func (w *writer) exec(ctx context.Context, text string) error {
	if _, err := w.conn.ExecContext(ctx, text); err != nil {
		return fmt.Errorf("%s in the books: %w", text, err)
	}
	return nil
}

// booked reports whether a natural key is booked, what is not yet committed included.
func (w *writer) booked(ctx context.Context, book int64, key string) (bool, error) {
	var n int
	if err := w.seen.QueryRowContext(ctx, book, key).Scan(&n); err != nil {
		return false, fmt.Errorf("look for key %q: %w", key, err)
	}
	return n > 0, nil
}

// append writes an entry with its postings, keys and events.
func (w *writer) append(ctx context.Context, book int64, e *Entry, events []msgs.Event) error {
	if _, err := w.entry.ExecContext(ctx, book, e.Seq, e.AtMS, string(e.Kind), e.Body, e.Hash[:]); err != nil {
		return fmt.Errorf("write entry %d: %w", e.Seq, err)
	}
	for _, p := range e.Postings {
		if _, err := w.post.ExecContext(ctx, book, e.Seq, p.Book, string(p.Asset), p.Amount); err != nil {
			return fmt.Errorf("write posting of entry %d: %w", e.Seq, err)
		}
	}
	for _, k := range e.Keys {
		if _, err := w.key.ExecContext(ctx, book, k, e.Seq); err != nil {
			return fmt.Errorf("write key %q of entry %d: %w", k, e.Seq, err)
		}
	}
	for _, ev := range events {
		b, err := json.Marshal(ev)
		if err != nil {
			return fmt.Errorf("encode event of entry %d: %w", e.Seq, err)
		}
		h := msgs.HeadOf(ev)
		if _, err := w.event.ExecContext(ctx, book, h.N, e.Seq, h.AtMS, string(h.Type), string(subjectOf(ev)), b); err != nil {
			return fmt.Errorf("write event %d: %w", h.N, err)
		}
	}
	return nil
}

// subjectOf is the asset that an event is about, empty for none.
func subjectOf(e msgs.Event) Asset {
	switch e := e.(type) {
	case *msgs.LedgerBalance:
		if e.TokenID != nil {
			return assetOf(*e.TokenID)
		}
		return Asset(e.Asset)
	case *msgs.LedgerReconciled:
		return Asset(e.Asset)
	}
	return ""
}

// take writes how far the inputs are booked.
func (w *writer) take(ctx context.Context, book int64, at Positions, published uint64) error {
	b, err := json.Marshal(at)
	if err != nil {
		return fmt.Errorf("encode positions: %w", err)
	}
	if _, err := w.place.ExecContext(ctx, string(b), published, book); err != nil {
		return fmt.Errorf("write positions: %w", err)
	}
	return nil
}

// save writes a state to start from.
func (w *writer) save(ctx context.Context, book int64, j *Journal) error {
	b, err := j.Save()
	if err != nil {
		return err
	}
	if _, err := w.snapshot.ExecContext(ctx, book, j.seq, b); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	return nil
}
