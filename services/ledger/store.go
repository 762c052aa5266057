package ledger

import (
	"context"
	"crypto/rand"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	_ "modernc.org/sqlite" // the driver

	"sluice/pkg/msgs"
)

//go:embed schema.sql
var schema string

// schemaVersion is of schema.sql; a database of another is refused.
const schemaVersion = "1"

// EnvError reports books of another kind of money.
type EnvError struct {
	Path      string
	Have, Own msgs.Env
}

func (e *EnvError) Error() string { return e.Cause() + "; " + e.Fix() }

// Cause says what is wrong.
func (e *EnvError) Cause() string {
	return fmt.Sprintf("the books in %s were written in env %q and this process runs in env %q: they must never mix", e.Path, e.Have, e.Own)
}

// Fix says what to do.
func (e *EnvError) Fix() string {
	return fmt.Sprintf("name another file with --db, or start with --env %s", e.Have)
}

// Store is the database of the books. One process keeps it; others may read.
type Store struct {
	path  string
	write *sql.DB // one connection
	read  *sql.DB
	lock  *os.File // nil when only read
}

// readers bounds the connections that answer questions.
const readers = 2

// dsn names the database with what must hold on each of its connections: what is acknowledged is on disk.
func dsn(path, mode string) string {
	q := url.Values{"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "busy_timeout(5000)"}, "mode": {mode}}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

// OpenStore opens the books at path to keep them, making the file where there is none. Errors are *EnvError, *HeldError,
// or those of the file.
func OpenStore(ctx context.Context, path string, env msgs.Env) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make folder of the books: %w", err)
	}
	l, err := lock(path)
	if err != nil {
		return nil, err
	}
	s := &Store{path: path, lock: l}
	if s.write, err = sql.Open("sqlite", dsn(path, "rwc")); err == nil {
		s.write.SetMaxOpenConns(1)
		err = s.prepare(ctx, env)
	}
	if err == nil {
		s.read, err = openRead(path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open books %s: %w", path, err), s.Close())
	}
	return s, nil
}

// ReadStore opens the books at path without the right to change them, while another process may keep them.
func ReadStore(ctx context.Context, path string) (*Store, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open books: %w", err)
	}
	db, err := openRead(path)
	if err != nil {
		return nil, fmt.Errorf("open books %s: %w", path, err)
	}
	s := &Store{path: path, read: db}
	if _, err := s.meta(ctx, db, "version"); err != nil {
		return nil, errors.Join(fmt.Errorf("open books %s: %w", path, err), s.Close())
	}
	return s, nil
}

func openRead(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn(path, "ro"))
	if err == nil {
		db.SetMaxOpenConns(readers)
	}
	return db, err
}

// Close ends it. What is not committed is gone, as after a crash.
func (s *Store) Close() error {
	var errs []error
	if s.read != nil {
		errs = append(errs, s.read.Close())
	}
	if s.write != nil {
		errs = append(errs, s.write.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// prepare makes the tables of a new database and checks those of an old one.
func (s *Store) prepare(ctx context.Context, env msgs.Env) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var tables int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE name = 'meta'").Scan(&tables); err != nil {
		return err
	}
	if tables == 0 {
		if _, err := tx.ExecContext(ctx, schema); err != nil {
			return fmt.Errorf("make tables: %w", err)
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO meta VALUES ('version', ?), ('env', ?)", schemaVersion, string(env)); err != nil {
			return err
		}
	}
	version, err := s.meta(ctx, tx, "version")
	if err != nil {
		return err
	}
	have, err := s.meta(ctx, tx, "env")
	switch {
	case err != nil:
		return err
	case version != schemaVersion:
		return fmt.Errorf("they are of version %s and this program knows %s; use the program that wrote them", version, schemaVersion)
	case have != string(env):
		return &EnvError{Path: s.path, Have: msgs.Env(have), Own: env}
	}
	return tx.Commit()
}

// querier is what can be asked: the database, or a transaction of it.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func (s *Store) meta(ctx context.Context, db querier, name string) (v string, err error) {
	if err := db.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = ?", name).Scan(&v); err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	return v, nil
}

// Book is one account's books in the database.
type Book struct {
	ID        int64
	Terms     Terms
	FirstN    uint64
	Published uint64
	At        Positions
}

const bookColumns = "id, account, name, wallet, first_n, published, positions"

func scanBook(scan func(...any) error) (b Book, err error) {
	var at []byte
	if err := scan(&b.ID, &b.Terms.Account, &b.Terms.Book, &b.Terms.Wallet, &b.FirstN, &b.Published, &at); err != nil {
		return b, err
	}
	if err := json.Unmarshal(at, &b.At); err != nil {
		return b, fmt.Errorf("decode positions: %w", err)
	}
	return b, nil
}

// Books are all books, in the order in which they were made.
func (s *Store) Books(ctx context.Context) (out []Book, err error) {
	env, err := s.meta(ctx, s.read, "env")
	if err != nil {
		return nil, err
	}
	rows, err := s.read.QueryContext(ctx, "SELECT "+bookColumns+" FROM book ORDER BY id")
	if err != nil {
		return nil, fmt.Errorf("read books: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		b, err := scanBook(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("read books: %w", err)
		}
		b.Terms.Env = msgs.Env(env)
		out = append(out, b)
	}
	return out, rows.Err()
}

// WalletError reports books of an account whose wallet is another now.
type WalletError struct {
	Account   msgs.Account
	Have, Own string
}

func (e *WalletError) Error() string { return e.Cause() + "; " + e.Fix() }

// Cause says what is wrong.
func (e *WalletError) Cause() string {
	return fmt.Sprintf("the books of account %s are of wallet %s, and it is configured with %s", e.Account, e.Have, e.Own)
}

// Fix says what to do.
func (e *WalletError) Fix() string {
	return "correct the funder, or give the account of the other wallet another name"
}

// Book opens the books of an account, making them where there are none: firstN is the last event that an earlier book
// has told, which only matters then.
func (s *Store) Book(ctx context.Context, t Terms, firstN func() (uint64, error)) (Book, *Journal, error) {
	find := func() (Book, error) {
		return scanBook(s.write.QueryRowContext(ctx, "SELECT "+bookColumns+" FROM book WHERE account = ?", string(t.Account)).Scan)
	}
	b, err := find()
	if errors.Is(err, sql.ErrNoRows) {
		var n uint64
		if n, err = firstN(); err != nil {
			return b, nil, err
		}
		if _, err = s.write.ExecContext(ctx, "INSERT INTO book (account, name, wallet, first_n, published) VALUES (?, ?, ?, ?, ?)",
			string(t.Account), rand.Text()[:bookName], t.Wallet, n, n); err == nil {
			b, err = find()
		}
	}
	if err != nil {
		return b, nil, fmt.Errorf("open books of %s: %w", t.Account, err)
	}
	if b.Terms.Wallet != t.Wallet {
		return b, nil, &WalletError{Account: t.Account, Have: b.Terms.Wallet, Own: t.Wallet}
	}
	t.Book = b.Terms.Book
	b.Terms = t
	j, err := s.journal(ctx, b)
	return b, j, err
}

// bookName is the length of a book's name: with 40 random bits no two of an account are ever the same.
const bookName = 8

// journal makes the state: the snapshot, and every entry after it.
func (s *Store) journal(ctx context.Context, b Book) (*Journal, error) {
	j := NewJournal(b.Terms)
	j.n = b.FirstN
	var body []byte
	err := s.write.QueryRowContext(ctx, "SELECT body FROM snapshot WHERE book = ?", b.ID).Scan(&body)
	if err == nil {
		if saved, err := Load(b.Terms, body); err == nil {
			j = saved // what cannot be read is made anew from the entries
		}
	} else if !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	for e, err := range s.entries(ctx, s.write, b.ID, j.seq) {
		if err != nil {
			return nil, err
		}
		j.Apply(e)
	}
	j.At = b.At
	return j, nil
}

// entries walks the entries of a book after a number, in order.
func (s *Store) entries(ctx context.Context, db querier, book int64, after uint64) func(func(*Entry, error) bool) {
	return func(yield func(*Entry, error) bool) {
		rows, err := db.QueryContext(ctx, "SELECT seq, body, hash FROM entry WHERE book = ? AND seq > ? ORDER BY seq", book, after)
		if err != nil {
			yield(nil, fmt.Errorf("read entries: %w", err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			var seq uint64
			var body, hash []byte
			e := (*Entry)(nil)
			err := rows.Scan(&seq, &body, &hash)
			if err == nil && len(hash) != len(Hash{}) {
				err = fmt.Errorf("the hash of entry %d has %d bytes", seq, len(hash))
			}
			if err == nil {
				e, err = openEntry(seq, body, Hash(hash))
			}
			if err != nil {
				yield(nil, fmt.Errorf("read entry %s: %w", strconv.FormatUint(seq, 10), err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, fmt.Errorf("read entries: %w", err))
		}
	}
}
