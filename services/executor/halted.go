package executor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
)

// HaltMark is a halt that was ordered without the bus: a file that whoever runs the account next takes for a command.
type HaltMark struct {
	Account msgs.Account `json:"account"`
	AtMS    int64        `json:"at_ms"`
	Reason  string       `json:"reason"`
}

// marksDir is where the marks of a data directory stand, one file for each account.
func marksDir(data string) string { return filepath.Join(data, "halted") }

func markFile(data string, a msgs.Account) string {
	return filepath.Join(marksDir(data), string(a)+".json")
}

// LeaveHaltMark leaves a mark in the data directory and returns its path once it would survive a power cut. A directory
// that does not exist is not made: nobody would look there.
func LeaveHaltMark(data string, m HaltMark) (path string, err error) {
	if _, err := os.Stat(data); err != nil {
		return "", fmt.Errorf("leave halt mark: %w", err)
	}
	b, err := json.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("leave halt mark: %w", err)
	}
	path = markFile(data, m.Account)
	if err := os.MkdirAll(marksDir(data), 0o700); err != nil {
		return "", fmt.Errorf("leave halt mark: %w", err)
	}
	if err := writeSynced(path, b); err != nil {
		return "", fmt.Errorf("leave halt mark: %w", err)
	}
	return path, errors.Join(syncDir(marksDir(data)), syncDir(data))
}

// writeSynced writes a whole file or none of it.
func writeSynced(path string, b []byte) error {
	f, err := os.Create(path + ".new")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// readHaltMark is the mark of an account, nil where there is none. One that cannot be understood halts all the same.
func readHaltMark(data string, a msgs.Account) (*HaltMark, error) {
	if data == "" {
		return nil, nil
	}
	b, err := os.ReadFile(markFile(data, a))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	m := &HaltMark{Account: a}
	if err == nil && json.Unmarshal(b, m) != nil {
		m.Reason = "the mark cannot be read"
	}
	return m, err
}

// marked halts the account as a command would. It is decided once: an account that is halted already stays so.
func (t *turn) marked(m HaltMark) {
	if t.halted {
		return
	}
	t.emit(&msgs.OrderHalted{Head: msgs.Head{Type: msgs.KindHalted}, Reason: "halted without the bus: " + m.Reason, By: bySluice})
	t.holdBack()
}

// holdBack keeps what has been decided and has not left from leaving.
func (t *turn) holdBack() {
	var leaving []msgs.OrderID
	for _, ord := range t.walk() {
		if ord.State == msgs.Submitting && !ord.held() {
			leaving = append(leaving, ord.OrderID)
		}
	}
	if len(leaving) > 0 {
		t.early(HoldBack{leaving, t.n})
	}
}

// markEvery is how often a running account looks for a mark: a look is one system call.
const markEvery = time.Second

// heedMarks takes marks that appear while the account is worked for, and removes each once the halt is on the log. The
// actor has heard of a mark that was there before it: this only removes it then.
func (d *desk) heedMarks(ctx context.Context, act *actor.Actor) {
	told := ""
	for pause(ctx, markEvery) == nil {
		m, err := readHaltMark(d.s.cfg.Data, d.cfg.Name)
		if err == nil && m != nil {
			err = d.obey(ctx, act, *m)
		}
		if err != nil && ctx.Err() == nil && err.Error() != told {
			told = err.Error()
			d.log.Error("halt mark not dealt with, trying on", "error", err)
		}
	}
}

func (d *desk) obey(ctx context.Context, act *actor.Actor, m HaltMark) error {
	act.Tell(ctx, m)
	halted, err := act.Ask(ctx, func(uint64) any { return d.core.halted })
	if err != nil || !halted.(bool) {
		return err
	}
	path := markFile(d.s.cfg.Data, d.cfg.Name)
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove halt mark: %w", err)
	}
	d.log.Warn("account halted, as a mark in the data directory said; sluice resume ends it", "mark", path, "reason", m.Reason)
	return syncDir(marksDir(d.s.cfg.Data))
}

// firstWords are what the core hears before anything else.
func (d *desk) firstWords() []any {
	m, err := readHaltMark(d.s.cfg.Data, d.cfg.Name)
	if err != nil {
		d.log.Error("halt mark not read; the account starts halted", "error", err)
		m = &HaltMark{Account: d.cfg.Name, Reason: err.Error()}
	}
	if m == nil {
		return nil
	}
	return []any{*m}
}
