package relayer

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/evm"
	"sluice/pkg/evm/sender"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// performer does what the core of one account decides. Every failure is an outcome; what its context cuts short gives none, and
// stays open.
type performer struct {
	who    Identity
	pen    pen
	pool   *evm.Pool           // nil: no endpoint is configured
	relay  *polymarket.Relayer // nil: no relayer is configured
	units  Units               // nil: no relayer is configured
	sender *sender.Sender      // nil: own gas is not wanted
	gasDay evm.Wei             // the most that own gas may cost in a day
	mined  *minings            // what the sender has told
	holds  holder
	sent   *letters
	asked  *askings
	chain  *chain // nil: its id says enough
	log    *slog.Logger
	count  *counters
	pass   func(point string)

	reply func(to string, e msgs.Event)

	following  *follows
	looking    looks
	rehearsing single
	probing    single
	pulse      *pulse
}

// holder says what resting orders and unsettled trades need.
type holder interface {
	held(ctx context.Context) (Held, error)
}

// Perform does a job and returns when all of it has ended.
func (p *performer) Perform(ctx context.Context, job actor.Job) {
	var running sync.WaitGroup
	defer running.Wait()
	deliver := func(outcome any) {
		if ctx.Err() == nil {
			p.pass(BeforeAnswer)
			job.Deliver(outcome)
		}
	}
	for _, d := range job.Deeds {
		running.Go(func() {
			switch d := d.(type) {
			case Look:
				if out, ok := p.lookFrom(ctx, d); ok {
					deliver(out)
				}
			case Rehearse:
				if p.rehearsing.TryLock() {
					out := p.rehearse(ctx, d)
					p.rehearsing.Unlock()
					deliver(out)
				}
			case Probe:
				p.probe(ctx)
			case Reply:
				p.reply(d.To, d.Event)
			case Submit:
				if !p.asked.begin(d.Unit.Unit, d.Every) {
					return
				}
				defer p.asked.end(d.Unit.Unit)
				if gone, is := p.elsewhere(ctx, &d.Unit); is {
					deliver(gone)
				} else if out, ok := p.submit(ctx, d, job.Recovered); ok {
					deliver(out)
				}
			case Bring:
				if !p.asked.begin(d.Unit.Unit, d.Every) {
					return
				}
				defer p.asked.end(d.Unit.Unit)
				if gone, is := p.elsewhere(ctx, &d.Unit); is {
					deliver(gone)
				} else if out, ok := p.bring(ctx, d, job.Recovered); ok {
					deliver(out)
				}
			case Follow:
				p.follow(ctx, d, func(s Seen) { deliver(s) })
			}
		})
	}
}

// askings remembers whose carriers are being asked, how often they were and when, so that a unit that waits is asked for at growing
// intervals and not at every tick.
type askings struct {
	mu sync.Mutex
	of map[string]*asking // by unit
}

type asking struct {
	running, times int
	last           time.Time
}

func newAskings() *askings { return &askings{of: map[string]*asking{}} }

// begin reports whether a unit's carrier is to be asked now. Who gets true calls end.
func (a *askings) begin(unit string, every time.Duration) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	x := a.of[unit]
	if x == nil {
		if len(a.of) >= maxLetters {
			clear(a.of)
		}
		x = &asking{}
		a.of[unit] = x
	}
	if every > 0 && (x.running > 0 || x.times > 0 && time.Since(x.last) < min(every, backoff(x.times))) {
		return false
	}
	x.running++
	return true
}

func (a *askings) end(unit string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if x := a.of[unit]; x != nil && x.running > 0 {
		x.running, x.times, x.last = x.running-1, x.times+1, time.Now()
	}
}

// letters remembers which units have been sent by this process, so that one that goes again is looked up before, and which were
// refused in a way that may have been charged, so that another copy is charged again.
type letters struct {
	mu      sync.Mutex
	sent    map[string]bool
	charged map[string]bool
}

func newLetters() *letters { return &letters{sent: map[string]bool{}, charged: map[string]bool{}} }

func (l *letters) spent(unit string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.charged[unit]
}

func (l *letters) spend(unit string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.charged) >= maxLetters {
		clear(l.charged)
	}
	l.charged[unit] = true
}

func (l *letters) has(unit string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sent[unit]
}

// maxLetters is far more than the units of a day; beyond, the record is begun anew, and a unit that goes again meanwhile is still
// known by its nonce.
const maxLetters = 20_000

func (l *letters) add(unit string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.sent) >= maxLetters {
		clear(l.sent)
	}
	l.sent[unit] = true
}

// forget takes back that a unit was sent, when the only copy of it was definitely refused.
func (l *letters) forget(unit string, earlier bool) {
	if earlier {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.sent, unit)
}

// pause waits for a while, or for the end of ctx, whose error it returns.
func pause(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil || d <= 0 {
		return err
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// single is one at a time: who comes while another has it does not wait.
type single struct{ taken atomic.Bool }

// TryLock takes the turn if it is free.
func (t *single) TryLock() bool { return t.taken.CompareAndSwap(false, true) }

// Unlock gives it back.
func (t *single) Unlock() { t.taken.Store(false) }

// looks lets one look be under way. One that would begin earlier replaces one that still waits for its moment.
type looks struct {
	mu      sync.Mutex
	running bool
	waiting int64 // when the one that waits begins, ms; 0: none waits
	stop    context.CancelFunc
}

// lookFrom looks at the world at the look's moment, unless another look makes it needless.
func (p *performer) lookFrom(ctx context.Context, d Look) (_ Looked, ok bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := &p.looking
	l.mu.Lock()
	if l.running || l.waiting != 0 && d.FromMS >= l.waiting {
		l.mu.Unlock()
		return Looked{}, false
	}
	if l.stop != nil {
		l.stop()
	}
	l.waiting, l.stop = max(d.FromMS, 1), cancel
	l.mu.Unlock()
	cut := pause(ctx, time.Until(time.UnixMilli(d.FromMS)))
	l.mu.Lock()
	if cut != nil || ctx.Err() != nil {
		l.mu.Unlock() // replaced: who replaced it waits now; or the end, and nobody waits any more
		return Looked{}, false
	}
	l.running, l.waiting, l.stop = true, 0, nil
	l.mu.Unlock()
	out := p.look(ctx, d)
	l.mu.Lock()
	l.running = false
	l.mu.Unlock()
	return out, true
}
