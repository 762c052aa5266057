package ledger

import (
	"context"
	"sync"
)

// waiter runs several things and stops all when one fails.
type waiter struct {
	stop context.CancelCauseFunc
	wg   sync.WaitGroup
}

func newWaiter(stop context.CancelCauseFunc) *waiter { return &waiter{stop: stop} }

func (w *waiter) run(f func() error) {
	w.wg.Go(func() {
		if err := f(); err != nil {
			w.stop(err)
		}
	})
}

// wait waits for the end of all and returns the first error, that of the context where there was none.
func (w *waiter) wait(ctx context.Context) error {
	<-ctx.Done()
	w.wg.Wait()
	return context.Cause(ctx)
}
