package main

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"sluice/pkg/actor"
)

// smallDisk mounts a file system of some megabytes, which only root may.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=192m"); err != nil {
		if os.Getenv("SLUICE_REQUIRE_ALL") == "1" {
			t.Fatalf("mount a small file system: %v", err)
		}
		t.Skipf("mount a small file system: %v (run as root to see it)", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// ballast fills the file system of dir to a share of it; above 100 means until nothing more can be written.
func ballast(t *testing.T, dir string, percent int) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "ballast"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 64<<10); ; {
		used, err := actor.DiskUse(dir)
		if err != nil {
			t.Fatal(err)
		}
		if used >= percent {
			return
		}
		n, err := f.Write(block)
		if errors.Is(err, syscall.ENOSPC) {
			if block = block[:len(block)/2]; n == 0 && len(block) == 0 {
				return
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A real disk fills up under the whole plant: an alarm at 70 %, orders refused at 80 % with cancels going on, and nothing at
// all when it is full, but for what needs no disk. With room again everything goes on without anybody's help, and the judge
// finds nothing lost, and nothing sent twice.
func TestDiskFillsUpAndEmptiesAgain(t *testing.T) {
	dir := smallDisk(t)
	r := up(t, dir, nil)
	submit := func(id string) told {
		return call(t, r.tool("order", "submit", "--id", id, "--market", "sandbox-coin", "--outcome", "Yes", "--side", "buy", "--price", "0.10", "--size", "10",
			"--timeout", "3s", "-o", "json")...)
	}
	for _, id := range []string{"a", "b"} {
		if s := submit(id); s.code != 0 {
			t.Fatalf("%+v", s)
		}
	}
	logged := func() string {
		b, err := os.ReadFile(r.Log)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	ballast(t, dir, 72)
	eventually(t, "the alarm is raised", func() bool { return strings.Contains(logged(), "space runs out") })
	if s := submit("c"); s.code != 0 {
		t.Errorf("at 72 %%: %+v", s)
	}

	ballast(t, dir, 82)
	n := 0
	eventually(t, "an order is refused", func() bool {
		n++
		s := submit("d" + strconv.Itoa(n))
		return s.code != 0 && s.failure(t).Error.Code == "no_space" && strings.Contains(s.failure(t).Error.Cause, "file system is 8")
	})
	ok(t, r.tool("order", "cancel", "a")...)

	ballast(t, dir, 101)
	if s := submit("e"); s.code == 0 {
		t.Errorf("with a full disk: %+v", s)
	}
	ok(t, "cancel-all", "--direct", "--account", "main", "--clob", r.CLOB)

	if err := os.Remove(filepath.Join(dir, "ballast")); err != nil {
		t.Fatal(err)
	}
	n = 0
	eventually(t, "orders are taken again", func() bool { n++; return submit("f"+strconv.Itoa(n)).code == 0 })
	eventually(t, "what was cancelled at the venue is known", func() bool {
		s := call(t, r.tool("order", "get", "b", "-o", "json")...)
		return s.code == 0 && strings.Contains(s.out, `"cancelled"`)
	})
	if !strings.Contains(logged(), "nats server started again") {
		t.Error("the broker never gave up: the disk was not full")
	}
	ok(t, r.tool("judge", "--journal", r.CLOB+"/_sandbox/journal")...)
}
