package relayer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"sluice/pkg/evm"
	"sluice/pkg/evm/rehearse"
	"sluice/pkg/evm/sender"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// Bounds of bringing.
const (
	// submitTimeout is for handing an intent to the sender, which may ask slow endpoints for its gas before.
	submitTimeout = time.Minute
	// intendPatience is how long a sender that does not take an intent on is asked, before somebody is told.
	intendPatience = time.Minute
	// inChainPatience is the same for a call that is not in a block, while the next of its unit waits for that: many blocks, and time
	// for a replacement.
	inChainPatience = time.Minute
)

// intentOf is the sender's name for a unit's transaction; an EOA's unit has one for each call.
func intentOf(u *msgs.TxPayload, call int) string {
	if u.Kind == polymarket.EOA.String() {
		return u.Unit + "/" + strconv.Itoa(call)
	}
	return u.Unit
}

// bring has the owner carry a unit. The sender tries each transaction directly before it takes it on, so that a race that is lost is
// not paid for; what it has taken on it sees to the end, over restarts too. ok is false when the context has cut it short.
func (p *performer) bring(ctx context.Context, d Bring, recovered bool) (_ Brought, ok bool) {
	out := Brought{Unit: d.Unit.Unit}
	done := func() (Brought, bool) {
		out.AtMS = time.Now().UnixMilli()
		return out, ctx.Err() == nil
	}
	on, unknown := p.takenOn(ctx, &d.Unit, d.Unsure || recovered)
	if out.Unknown = unknown != nil; out.Unknown {
		out.Err = unknown
		return done()
	}
	part := slices.Contains(on, true)
	if part && p.who.Kind != polymarket.EOA {
		return done()
	}
	if p.sender == nil {
		out.Err = p.noSender()
		return done()
	}
	calls, err := p.pen.ownGas(&d.Unit, d.Refusal)
	for i := 0; err == nil && i < len(calls); i++ {
		err = p.pen.vet(calls[i].To, calls[i].Data)
	}
	if err != nil {
		p.log.Error("unit not brought", "unit", d.Unit.Unit, "error", err)
		if out.Part = part; part {
			out.Err = refusedBy(err) // calls of it are on their way
		} else {
			out.Denied = refusedBy(err)
		}
		return done()
	}
	for i, c := range calls {
		id := intentOf(&d.Unit, i)
		p.pass(BeforeBring)
		refused, unsure := p.intend(ctx, d, id, c)
		p.pass(AfterBring)
		if ctx.Err() != nil {
			return out, false
		}
		alone := refused != nil && !unsure && (refused.Code == msgs.WouldRevert || (part || i > 0) && refused.Code == msgs.DeadlinePassed)
		if p.who.Kind != polymarket.EOA || refused != nil && !alone {
			out.Part, out.Unknown, out.Refused = part, unsure, nil
			if out.Err = refused; refused != nil && refused.Code == msgs.WouldRevert && !unsure {
				out.Past = p.past(ctx, d.Unit.Nonce)
			}
			return done()
		}
		if refused != nil {
			out.Refused = append(out.Refused, msgs.TxRefused{Call: i, Error: refused}) // the other calls are other transactions
			continue
		}
		part = true
		if i+1 == len(calls) {
			break
		}
		if err := p.mined.inChain(ctx, p.sender, id); err != nil {
			out.Part, out.Refused, out.Err = true, nil, notInChain(i, len(calls), err)
			break
		}
	}
	return done()
}

// notInChain is why the next call of an account's unit is not made yet: it may build on the one before.
func notInChain(call, of int, err error) *msgs.Error {
	return &msgs.Error{Code: msgs.VenueDown, Cause: fmt.Sprintf("call %d of %d is on its way and not known to be in a block: %v", call+1, of, err),
		Fix: "it is asked for again; look at the log for what holds the owner's transactions"}
}

func (p *performer) noSender() *msgs.Error {
	return &msgs.Error{Code: msgs.NoGas, Cause: "own gas is not switched on", Fix: "switch it on, with RPC endpoints and POL on the owner's account " + p.who.Owner.Hex()}
}

// past reports whether the wallet's nonce is past a unit's in the newest block.
func (p *performer) past(ctx context.Context, nonce uint64) bool {
	q, has := nonceOf(p.who)
	if !has {
		return false
	}
	r, err := p.read(ctx, nil, q)
	if err != nil {
		return false
	}
	in := answers{left: r.Answers}
	now, _ := in.nonce()
	return in.err == nil && now > nonce
}

// takenOn asks the sender which of a unit's intents it has taken on. The error says that nobody knows. Without a sender that is so
// when the unit may have been taken on before.
func (p *performer) takenOn(ctx context.Context, u *msgs.TxPayload, before bool) ([]bool, *msgs.Error) {
	on := make([]bool, 1)
	if u.Kind == polymarket.EOA.String() {
		on = make([]bool, len(u.Calls))
	}
	if p.sender == nil {
		if !before {
			return on, nil
		}
		e := p.noSender()
		return on, &msgs.Error{Code: e.Code, Cause: e.Cause + ", and an earlier run may have taken it on", Fix: e.Fix + ": its sender's journal tells"}
	}
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for i := range on {
		var err error
		if on[i], err = p.taken(call, intentOf(u, i)); err != nil {
			return on, &msgs.Error{Code: msgs.VenueDown, Cause: "the sender of own transactions does not say whether it has taken it on: " + err.Error(), Fix: "it is asked again; look at the log for what keeps the sender"}
		}
	}
	return on, nil
}

// taken reports whether the sender has taken an intent on before.
func (p *performer) taken(ctx context.Context, id string) (bool, error) {
	st, err := p.sender.Status(ctx)
	if err != nil {
		return false, err
	}
	if st.Behind {
		return false, errBehind
	}
	if slices.Contains(st.Queued, id) || slices.ContainsFunc(st.Open, func(o sender.Open) bool { return o.ID == id }) {
		return true, nil
	}
	_, err = p.sender.Wait(ctx, id) // at once: it has ended or is unknown
	if errors.Is(err, sender.ErrUnknown) {
		return false, nil
	}
	return err == nil, err
}

var errBehind = errors.New("its journal cannot be read")

// mayIntend refuses what is new and too late, or what could not be paid for. unsure: whether it is new is not known.
func (p *performer) mayIntend(ctx context.Context, d Bring, id string) (_ *msgs.Error, unsure bool) {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	known, err := p.taken(call, id)
	switch {
	case known:
		return nil, false
	case err != nil:
		return &msgs.Error{Code: msgs.VenueDown, Cause: "the sender of own transactions does not answer: " + err.Error(), Fix: "it is asked again"}, true
	case d.SendBy > 0 && time.Now().UnixMilli() > d.SendBy:
		return &msgs.Error{Code: msgs.DeadlinePassed, Cause: "its deadline passed before the owner brought it", Fix: "ask again with a later deadline"}, false
	}
	if door := p.gasDoor(ctx); !door.Open {
		return &msgs.Error{Code: msgs.NoGas, Cause: door.Cause, Fix: door.Fix}, false
	}
	return nil, false
}

// intend hands a transaction to the sender, for as long as it takes to know whether it has taken it on. The error says that it has
// not, or, with unsure, that this is not known.
func (p *performer) intend(ctx context.Context, d Bring, id string, c polymarket.Call) (_ *msgs.Error, unsure bool) {
	if refused, unsure := p.mayIntend(ctx, d, id); refused != nil {
		return refused, unsure
	}
	began := time.Now()
	for pauses := newPauses(); ; {
		wait := pauses.Next()
		call, cancel := context.WithTimeout(ctx, submitTimeout)
		err := p.sender.Submit(call, sender.Intent{ID: id, To: c.To, Data: c.Data})
		silent := call.Err() != nil
		cancel()
		if err == nil || ctx.Err() != nil {
			return nil, false
		}
		if silent {
			return &msgs.Error{Code: msgs.VenueDown, Cause: "the sender of own transactions does not say whether it takes it on", Fix: "it is asked again; look at the log for what keeps the sender"}, true
		}
		if e, ok := errors.AsType[*evm.Error](err); ok && e.Kind == evm.Reverted {
			cause := e.Cause
			if len(e.Data) > 0 {
				cause = rehearse.Reason(e.Data)
			}
			return &msgs.Error{Code: msgs.WouldRevert, Cause: "the transaction would revert: " + cause, Fix: "nothing was paid; look at the wallet's balances and at its nonce"}, unsure
		}
		if _, conflict := errors.AsType[*sender.ConflictError](err); conflict {
			return &msgs.Error{Code: msgs.Forbidden, Cause: err.Error(), Fix: "report it: a unit's name stands for one payload"}, true
		}
		if _, none := errors.AsType[*evm.UnavailableError](err); none {
			return chainDown(err), unsure // this time it was not even tried
		}
		unsure = true // what the journal said of that one is not known
		if time.Since(began) >= intendPatience {
			return &msgs.Error{Code: msgs.VenueDown, Cause: "the sender of own transactions does not take it on: " + err.Error(), Fix: "it is asked again; look at the log for what keeps the sender"}, true
		}
		p.log.Warn("own transaction not taken on, trying again", "id", id, "error", err, "retry_after_ms", wait.Milliseconds())
		if pause(ctx, wait) != nil {
			return nil, unsure
		}
	}
}

// minings is what the sender has told of its transactions, for whoever follows them.
type minings struct {
	mu      sync.Mutex
	hash    map[string]polymarket.Hash // the latest attempt that was seen in a block
	changed chan struct{}              // closed and made anew at each word
}

func newMinings() *minings {
	return &minings{hash: map[string]polymarket.Hash{}, changed: make(chan struct{})}
}

// maxMinings bounds what is remembered: the units of some days. What is forgotten is found on the chain.
const maxMinings = 5_000

// told hears of the sender's progress.
func (m *minings) told(g sender.Progress) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch g.Stage {
	case sender.Mined:
		if len(m.hash) >= maxMinings {
			clear(m.hash)
		}
		m.hash[g.ID] = g.Hash
	case sender.Unmined:
		delete(m.hash, g.ID)
	case sender.Ended:
		m.hash[g.ID] = g.Result.Hash
	default:
		return
	}
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *minings) of(id string) (hash polymarket.Hash, changed <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.hash[id], m.changed
}

// errNotInBlock reports that an intent waits for a block longer than anybody should without a word.
var errNotInBlock = fmt.Errorf("it has waited for %s", inChainPatience)

// inChain waits until an intent is in a block, or has ended, within a bound.
func (m *minings) inChain(ctx context.Context, s *sender.Sender, id string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, inChainPatience, errNotInBlock)
	defer cancel()
	ended := make(chan error, 1)
	go func() { _, err := s.Wait(ctx, id); ended <- err }()
	for {
		hash, changed := m.of(id)
		if hash != (polymarket.Hash{}) {
			cancel()
			<-ended
			return nil
		}
		select {
		case <-changed:
		case err := <-ended:
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return err
		}
	}
}
