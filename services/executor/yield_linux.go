package executor

import "syscall"

// giveWay lets another thread have the processor that waits for it. What is prepared beside an append is needed when the append has
// ended and not before, and where the system keeps both on one processor the disk's answer would wait for it.
func giveWay() { _, _, _ = syscall.RawSyscall(syscall.SYS_SCHED_YIELD, 0, 0, 0) }
