package natsd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// lockName is the file in the data directory whose lock is the right to run a server there. It is never removed:
// removing it would let a third starter lock a new file of the same name while the old one is still held.
const lockName = "lock"

// Holder is who holds a data directory, as written in its lock file. It may be empty in the instant between
// locking and writing.
type Holder struct {
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	Started time.Time `json:"started"`
	Listen  string    `json:"listen"` // empty: no socket
	Env     string    `json:"env"`
}

// HeldError reports that another server runs on the data directory.
type HeldError struct {
	Dir    string
	Holder Holder
}

func (e *HeldError) Error() string { return e.Cause() + "; " + e.Fix() }

// Cause says who holds the directory and why that forbids a second server.
func (e *HeldError) Cause() string {
	who := "another process that has not yet written its name"
	if h := e.Holder; h.PID != 0 {
		where := "without a socket"
		if h.Listen != "" {
			where = "listening on " + h.Listen
		}
		who = fmt.Sprintf("process %d on %s (since %s, env %s, %s)", h.PID, h.Host, h.Started.Format(time.RFC3339), h.Env, where)
		if h.PID == os.Getpid() {
			who = "this very " + who
		}
	}
	return fmt.Sprintf("data directory %s is held by %s: two servers on one directory would both win every write, and orders could be sent twice", e.Dir, who)
}

// Fix says what to do.
func (e *HeldError) Fix() string {
	if e.Holder.Listen != "" {
		return fmt.Sprintf("use the running one at nats://%s, or stop it, or start this one with another data directory", e.Holder.Listen)
	}
	return "stop the other process, or start this one with another data directory"
}

// dirLock is the held lock of one directory.
type dirLock struct {
	file *os.File
}

// lockDir takes the lock of dir or returns a *HeldError. The kernel drops the lock when the process ends, however
// it ends; a child started by exec does not inherit it.
func lockDir(dir string) (*dirLock, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	held, err := tryLock(f)
	switch {
	case err != nil:
		return nil, errors.Join(fmt.Errorf("lock %s: %w", f.Name(), err), f.Close())
	case held:
		e := &HeldError{Dir: dir, Holder: readHolder(f)}
		return nil, errors.Join(e, f.Close())
	}
	return &dirLock{file: f}, nil
}

// write names the holder for the benefit of whoever comes second.
func (l *dirLock) write(h Holder) error {
	b, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("encode holder: %w", err)
	}
	// The longer text is overwritten before it is cut, so that a reader finds a whole value at every moment.
	if _, err := l.file.WriteAt(append(b, '\n'), 0); err != nil {
		return fmt.Errorf("write lock file: %w", err)
	}
	if err := l.file.Truncate(int64(len(b) + 1)); err != nil {
		return fmt.Errorf("cut lock file: %w", err)
	}
	return nil
}

// release gives the directory free.
func (l *dirLock) release() error {
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("release data directory: %w", err)
	}
	return nil
}

// readHolder reads the first JSON value of the lock file; what cannot be read is an unnamed holder.
func readHolder(r io.ReaderAt) Holder {
	var h Holder
	const most = 4 << 10 // many times what write produces
	if err := json.NewDecoder(io.NewSectionReader(r, 0, most)).Decode(&h); err != nil {
		return Holder{}
	}
	return h
}
