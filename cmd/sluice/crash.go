package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"sluice/pkg/msgs"
	"sluice/services/executor"
	"sluice/services/relayer"
)

// crashVariable says where a process of the sandbox shall end itself, so that tests can kill or stop it exactly there:
// "<point>:<nth>:<KILL|STOP>", the nth time that it passes the point.
const crashVariable = "SLUICE_CRASH_AT"

// crashPoint is one place and what happens there.
type crashPoint struct {
	point  string
	nth    int64
	signal syscall.Signal
	passed atomic.Int64
}

// crash is the point that the environment names, nil for none. With anything but the sandbox it is refused.
func (a *app) crash() (passing func(string), err error) {
	text := a.getenv(crashVariable)
	if text == "" {
		return nil, nil
	}
	if a.cli.Env != string(msgs.Sandbox) {
		return nil, problem("wrong_env", crashVariable+" is set: this process would end itself at "+text+", and its env is "+a.cli.Env,
			"unset it; it is for tests against the sandbox")
	}
	c, err := parseCrash(text)
	if err != nil {
		return nil, problem(msgs.BadValue, fmt.Sprintf("%s=%s: %v", crashVariable, text, err), "write it as point:nth:KILL or point:nth:STOP, for example before-write:1:KILL")
	}
	return c.pass, nil
}

func parseCrash(text string) (*crashPoint, error) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return nil, fmt.Errorf("%d parts, want 3", len(parts))
	}
	c := &crashPoint{point: parts[0]}
	if points := crashPoints(); !slices.Contains(points, c.point) {
		return nil, fmt.Errorf("no point %q; there are %s", c.point, strings.Join(points, ", "))
	}
	var err error
	if c.nth, err = strconv.ParseInt(parts[1], 10, 64); err != nil || c.nth < 1 {
		return nil, fmt.Errorf("%q is not a count from 1 on", parts[1])
	}
	switch parts[2] {
	case "KILL":
		c.signal = syscall.SIGKILL
	case "STOP":
		c.signal = syscall.SIGSTOP
	default:
		return nil, fmt.Errorf("signal %q is neither KILL nor STOP", parts[2])
	}
	return c, nil
}

// crashPoints are those of the executor and of the relayer.
func crashPoints() []string {
	points := executor.Points()
	for _, p := range relayer.Points() {
		if !slices.Contains(points, p) {
			points = append(points, p)
		}
	}
	return points
}

// pass sends the signal at the nth time. What passes at that moment goes no further.
func (c *crashPoint) pass(point string) {
	if point == c.point && c.passed.Add(1) == c.nth {
		raise(c.signal)
	}
}
