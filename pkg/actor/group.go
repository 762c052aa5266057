package actor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Restarts of one runner that a Group allows: more within the window means that starting again does not help.
const (
	maxRestarts   = 5
	restartWindow = time.Minute
)

// Runner is something that works until ctx ends. Returning nil before that, or an error, counts as failing.
type Runner func(ctx context.Context) error

// Group keeps named runners running. A runner that ends before its context is started again with back-off, at most
// maxRestarts times in restartWindow; past that the group ends with its error, and the process with it. It ends at once when
// starting again is hopeless.
type Group struct {
	Log *slog.Logger

	names   []string
	runners []Runner
}

// Add names a runner; it starts with Run.
func (g *Group) Add(name string, r Runner) {
	g.names = append(g.names, name)
	g.runners = append(g.runners, r)
}

// Run runs all until parent ends and all have ended. It returns nil then, else the error of the runner that gave up.
func (g *Group) Run(parent context.Context) error {
	ctx, stop := context.WithCancelCause(parent)
	defer stop(nil)
	var all sync.WaitGroup
	for i, r := range g.runners {
		all.Go(func() {
			if err := g.keep(ctx, g.names[i], r); err != nil {
				stop(err)
			}
		})
	}
	all.Wait()
	if parent.Err() != nil {
		return nil
	}
	return context.Cause(ctx)
}

// hopeless reports an error that starting again does not mend: the log is of other money, or somebody else owns what is to be
// owned alone.
func hopeless(err error) bool {
	_, otherEnv := errors.AsType[*EnvError](err)
	_, owned := errors.AsType[*HeldError](err)
	return otherEnv || owned
}

func (g *Group) keep(ctx context.Context, name string, r Runner) error {
	var starts []time.Time
	for wait := retryFirst; ; wait = min(2*wait, retryLast) {
		began := time.Now()
		err := r(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("ended early")
		}
		starts = append(starts, began)
		for len(starts) > 0 && time.Since(starts[0]) > restartWindow {
			starts = starts[1:]
		}
		if hopeless(err) {
			return fmt.Errorf("%s: %w", name, err)
		}
		if len(starts) > maxRestarts {
			return fmt.Errorf("%s failed %d times within %s: %w", name, len(starts), restartWindow, err)
		}
		if time.Since(began) > restartWindow {
			wait = retryFirst
		}
		g.Log.Error("runner failed, starting it again", "runner", name, "error", err, "restarts", len(starts))
		if pause(ctx, wait) != nil {
			return nil
		}
	}
}
