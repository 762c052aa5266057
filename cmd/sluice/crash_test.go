package main

import (
	"strings"
	"syscall"
	"testing"

	"sluice/services/executor"
)

// A process that trades real money, or looks at a real venue, does not start with the variable set.
func TestCrashVariableIsForTheSandboxOnly(t *testing.T) {
	t.Setenv(crashVariable, executor.BeforeWrite+":1:KILL")
	for _, env := range [][]string{{"--live"}, {"--env", "paper"}} {
		refused(t, call(t, append([]string{"executor", "--clob", "http://127.0.0.1:1"}, env...)...), crashVariable, "unset it")
	}
}

func TestCrashVariableNamesAPoint(t *testing.T) {
	for _, point := range crashPoints() {
		c, err := parseCrash(point + ":3:STOP")
		if err != nil || c.point != point || c.nth != 3 || c.signal != syscall.SIGSTOP {
			t.Errorf("%s:3:STOP is read as %+v, %v", point, c, err)
		}
	}
	for _, bad := range []string{"before-write", "before-write:1", "nowhere:1:KILL", "before-write:0:KILL", "before-write:x:KILL", "before-write:1:TERM", "before-write:1:KILL:2"} {
		if _, err := parseCrash(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	t.Setenv(crashVariable, "nowhere:1:KILL")
	refused(t, call(t, "executor"), "nowhere", strings.Join(executor.Points()[:2], ", "))
}
