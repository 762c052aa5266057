package main

import (
	"runtime"
	"syscall"
)

// raise sends a signal to the thread that calls it, which so does not return to the next line before the signal has had its
// effect. One that is sent to the process may be taken by another thread, and some lines later. The runtime is not told, so that
// after a stop this goroutine is the one that goes on first where there is only one processor.
func raise(s syscall.Signal) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// An error would mean that the process does not exist.
	_, _, _ = syscall.RawSyscall(syscall.SYS_TGKILL, uintptr(syscall.Getpid()), uintptr(syscall.Gettid()), uintptr(s))
}
