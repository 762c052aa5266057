package ledger

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// HeldError reports that another ledger keeps the same file.
type HeldError struct{ Path string }

func (e *HeldError) Error() string { return e.Cause() + "; " + e.Fix() }

// Cause says what is wrong.
func (e *HeldError) Cause() string {
	return fmt.Sprintf("the books in %s are kept by another process: two would tell the same events under different numbers", e.Path)
}

// Fix says what to do.
func (e *HeldError) Fix() string {
	return "use the ledger that runs, or stop it, or name another file with --db"
}

// lock takes the right to keep the books at path. The kernel drops it when the process ends, however it ends. The file
// is never removed: a third starter would lock a new one of the same name.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = &HeldError{Path: path}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
