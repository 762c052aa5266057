//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package sender

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// tryLock locks the open file for as long as it is open, without waiting. held reports that somebody else has it.
func tryLock(f *os.File) (held bool, err error) {
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}
