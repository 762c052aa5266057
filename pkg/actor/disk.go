//go:build darwin || freebsd || linux

package actor

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// DiskPlenty is how many free bytes are room enough whatever share of the file system they are: the streams of six accounts
// can grow to their bounds in it.
const DiskPlenty = 4 << 30

// DiskUse says how full the file system is on which path lies, in percent of what a user without privileges may use; with
// DiskPlenty left it is at most half full.
func DiskUse(path string) (percent int, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return 0, fmt.Errorf("look at the file system of %s: %w", path, err)
	}
	used, free := s.Blocks-s.Bfree, uint64(max(0, int64(s.Bavail)))
	if used+free == 0 {
		return 0, nil
	}
	if free*uint64(s.Bsize) >= DiskPlenty {
		return int(min(used*100/(used+free), ReclaimAt)), nil
	}
	return int((used*100 + used + free - 1) / (used + free)), nil
}
