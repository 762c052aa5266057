package sender_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/crypto"

	"sluice/pkg/evm/sender"
	"sluice/pkg/polymarket"
)

func openFile(t *testing.T, path string) *sender.File {
	t.Helper()
	f, err := sender.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// Journals of every make keep order, position and fence.
func TestJournalsKeepWhatTheyAreGiven(t *testing.T) {
	for name, open := range map[string]func() sender.Journal{
		"memory": func() sender.Journal { return &sender.Memory{} },
		"file":   func() sender.Journal { return openFile(t, filepath.Join(t.TempDir(), "j")) },
	} {
		t.Run(name, func(t *testing.T) { keepsJournal(t, open()) })
	}
}

func keepsJournal(t *testing.T, j sender.Journal) {
	t.Helper()
	ctx := context.Background()
	var at []uint64
	last := uint64(0)
	for _, r := range []string{`{"a":1}`, `{"b":2}`, `{"c":3}`} {
		pos, err := j.Append(ctx, last, []byte(r))
		if err != nil || pos <= last {
			t.Fatalf("append behind %d: position %d, %v", last, pos, err)
		}
		if last = pos; len(at) > 0 {
			if _, err := j.Append(ctx, at[0], []byte(`{}`)); !errors.Is(err, sender.ErrBehind) {
				t.Errorf("append behind an old position: %v", err)
			}
		}
		at = append(at, pos)
	}
	for i, after := range append([]uint64{0}, at...) {
		got, err := j.Read(ctx, after)
		if err != nil || len(got) != 3-i || len(got) > 0 && got[0].At != at[i] {
			t.Errorf("behind %d there are %v, %v", after, got, err)
		}
	}
}

func TestFileOutlivesATornLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	f := openFile(t, path)
	at, err := f.Append(t.Context(), 0, []byte(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Append(t.Context(), at, []byte("{}\n{}")); err == nil {
		t.Error("two lines were taken for a record")
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Append(t.Context(), at, []byte(`{}`)); err == nil {
		t.Error("a closed journal was written")
	}
	for _, torn := range []string{`{"b":`, "\x00\x00\x00\n"} {
		g, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.WriteString(torn); err != nil {
			t.Fatal(err)
		}
		_ = g.Close()
		f = openFile(t, path)
		if at, err = f.Append(t.Context(), at, []byte(`{"b":2}`)); err != nil {
			t.Fatalf("behind a torn line %q: %v", torn, err)
		}
		_ = f.Close()
	}
	b, err := os.ReadFile(path)
	if want := "{\"a\":1}\n{\"b\":2}\n{\"b\":2}\n"; err != nil || string(b) != want {
		t.Errorf("the file is %q, want %q", b, want)
	}
}

func TestFileIsOpenOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	f := openFile(t, path)
	_, err := sender.OpenFile(path)
	if held, ok := errors.AsType[*sender.HeldError](err); !ok || !strings.Contains(held.Error(), path) {
		t.Errorf("error is %v", err)
	}
	_ = f.Close()
	openFile(t, path)
}

func TestJournalOfAnotherKeyIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1)
		j := &sender.Memory{}
		p := w.start(j, 0, nil)
		p.submit(1)
		p.once(1)
		p.stop()
		k, err := crypto.ToECDSA(crypto.Keccak256([]byte("another")))
		if err != nil {
			t.Fatal(err)
		}
		q := w.start(j, 0, func(c *sender.Config) { c.Signer = polymarket.KeyFrom(k) })
		if err := <-q.over; err == nil || !strings.Contains(err.Error(), w.key.Address().Hex()) {
			t.Errorf("error is %v", err)
		}
	})
}

// holey is a journal that has lost its oldest record.
type holey struct{ sender.Memory }

func (h *holey) Read(ctx context.Context, after uint64) ([]sender.Entry, error) {
	all, err := h.Memory.Read(ctx, after)
	if after == 0 && len(all) > 0 {
		all = all[1:]
	}
	return all, err
}

func TestJournalThatLacksARecordIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1)
		j := &holey{}
		p := w.start(j, 0, nil)
		p.submit(1)
		p.once(1)
		p.stop()
		if err := <-w.start(j, 0, nil).over; err == nil || !strings.Contains(err.Error(), "records are missing") {
			t.Errorf("error is %v", err)
		}
	})
}

// forgetful is a journal whose answers are lost, each a second time when odd.
type forgetful struct {
	sender.Memory
	n int
}

func (f *forgetful) Append(ctx context.Context, after uint64, b []byte) (uint64, error) {
	f.n++
	switch f.n % 3 {
	case 0:
		return 0, errors.New("not written")
	case 1:
		if _, err := f.Memory.Append(ctx, after, b); err != nil {
			return 0, err
		}
		return 0, errors.New("written, and the answer lost")
	}
	return f.Memory.Append(ctx, after, b)
}

func TestLostAnswersOfTheJournalDoNothingTwice(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1)
		j := &forgetful{n: 3}
		p := w.start(j, 0, nil)
		for i := range 6 {
			for p.Submit(t.Context(), w.intent(i)) != nil {
				w.blocks(1)
			}
			w.c.SetBaseFee(int64(30 + 70*(i%2)))
			w.blocks(1)
		}
		p.once(0, 1, 2, 3, 4, 5)
		if n := len(w.sent()); n != 6 {
			t.Errorf("the chain has %d transactions, want 6", n)
		}
	})
}

// deaf is a journal that takes nothing.
type deaf struct{ sender.Memory }

func (d *deaf) Append(ctx context.Context, after uint64, b []byte) (uint64, error) {
	if strings.Contains(string(b), `"signed"`) {
		return 0, errors.New("disk full")
	}
	return d.Memory.Append(ctx, after, b)
}

func TestNothingIsSentThatIsNotInTheJournal(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1)
		p := w.start(&deaf{}, 0, nil)
		p.submit(1)
		w.blocks(30)
		if n := len(w.sent()); n != 0 || len(p.of(sender.Sent, "")) != 0 {
			t.Errorf("%d transactions were sent", n)
		}
		if !strings.Contains(p.logs.String(), "disk full") {
			t.Error("nobody was told why")
		}
	})
}
