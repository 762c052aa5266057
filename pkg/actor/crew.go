package actor

import "context"

// restingHands bounds the goroutines of a crew that wait for work: what is begun for one order, for two orders at a time.
const restingHands = 8

// crew does things beside the loop. A goroutine that is done rests and is used again: its stack has grown by then, and
// growing it lies on the way of every order.
type crew struct {
	next    chan func()
	resting chan struct{} // a place for each that rests
}

func newCrew() crew {
	return crew{next: make(chan func()), resting: make(chan struct{}, restingHands)}
}

// beside does f beside the loop.
func (r *running) beside(f func()) {
	select {
	case r.crew.next <- f:
	default:
		r.others.Go(func() { r.crew.work(r.work, f) })
	}
}

// work does f, and then what comes until the context ends.
func (c crew) work(ctx context.Context, f func()) {
	for {
		f()
		select {
		case c.resting <- struct{}{}:
		default:
			return
		}
		select {
		case f = <-c.next:
			<-c.resting
		case <-ctx.Done():
			return
		}
	}
}
