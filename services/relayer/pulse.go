package relayer

import (
	"context"
	"errors"
	"sync"
	"time"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// How work that waits after an outage of the relayer is woken before its pause is over.
const (
	// probeEvery is how often the relayer is asked something free while work waits for it.
	probeEvery = 30 * time.Second
	// tollWakes bounds how often that cuts a pause short in one reckoning: a relayer that comes and goes all day costs as many units more.
	tollWakes = 8
)

// Probe asks the relayer something that costs nothing. While one is under way another is not begun.
type Probe struct{}

// Answering is told to every wallet when the relayer, which was away, answers a free read, or takes what some wallet has submitted.
type Answering struct{}

// pulse is what the wallets of a service know together of the relayer: whether it answers.
type pulse struct {
	mu   sync.Mutex
	away bool // the last free read was not answered
	ears map[chan struct{}]bool
}

func newPulse() *pulse { return &pulse{ears: map[chan struct{}]bool{}} }

// listen gives a channel that says that the relayer answers again; end takes it back.
func (p *pulse) listen() (heard <-chan struct{}, end func()) {
	ear := make(chan struct{}, 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ears[ear] = true
	return ear, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.ears, ear)
	}
}

// read takes how a free read ended.
func (p *pulse) read(ctx context.Context, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		// Cut short by us: it says nothing.
	case err != nil && unanswered(err):
		p.away = true
	case p.away:
		p.away = false
		p.tell()
	}
}

// taken takes that the relayer has accepted a submit.
func (p *pulse) taken() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tell()
}

func (p *pulse) tell() {
	for ear := range p.ears {
		select {
		case ear <- struct{}{}:
		default: // it has not heard the last yet
		}
	}
}

// unanswered reports whether an error of a read shows that nobody answers who could take a submit.
func unanswered(err error) bool {
	var e *polymarket.RelayerError
	if !errors.As(err, &e) {
		return true
	}
	return e.Status == 0 || e.Status/100 == 5 || e.Reason == polymarket.RelayerNotUnderstood
}

// probe asks the relayer something free; whom it concerns hears by the pulse.
func (p *performer) probe(ctx context.Context) {
	if p.relay == nil || !p.probing.TryLock() {
		return
	}
	defer p.probing.Unlock()
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := p.nonceThere(ctx)
	p.pulse.read(ctx, err)
}

// paused reports whether work waits for a pause after an outage that may be cut short.
func (t *decision) paused() bool {
	if !t.ready || !t.toll.Down || t.toll.AgainMS <= t.nowMS || t.toll.Woken >= tollWakes {
		return false
	}
	switch u := t.unit; {
	case u == nil:
		return t.due()
	case u.Carrier == msgs.ByRelayer:
		return u.Phase == waits && u.Code == msgs.VenueDown
	default: // own gas cannot bring it, and it goes back to the relayer later
		return u.Phase == waits && u.BackMS > t.nowMS
	}
}

// probe has the relayer asked now and then while work waits for it.
func (t *decision) probe() {
	if t.paused() && t.nowMS/1000%int64(probeEvery/time.Second) == 0 {
		t.early(Probe{})
	}
}

// answering ends a pause: the relayer may take submits again. A submit that has just failed says more.
func (t *decision) answering() {
	if !t.paused() || t.nowMS-t.toll.SinceMS < tollFirst.Milliseconds() {
		return
	}
	e := &msgs.TxWaiting{Head: msgs.Head{Type: msgs.KindTxWaiting}, Answers: true, AgainMS: t.nowMS, Code: msgs.VenueDown, Cause: "the relayer answers again", Fix: "nothing; it is asked now"}
	if u := t.unit; u != nil {
		e.RequestIDs, e.Unit, e.Left, e.Part, e.Unsure = ids(t.inUnit(u)), u.name(), u.Left, u.Part, u.Unsure
	} else {
		e.RequestIDs = ids(t.dueNow())
	}
	t.emit(e)
}

// woken takes that a pause was ended.
func (w *Wallet) woken(h *msgs.Head) {
	w.toll.AgainMS = 0
	w.toll.Woken++
	if u := w.unit; u != nil && u.BackMS != 0 {
		u.BackMS = h.AtMS
	}
}
