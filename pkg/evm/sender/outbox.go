package sender

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"sluice/pkg/evm"
)

// Intent is a call that is to be made once.
type Intent struct {
	// ID is chosen by whoever asks. Asking again with the same id does nothing, for as long as fewer than 10,000 others have
	// ended since.
	ID   string
	To   common.Address
	Data []byte
	// Gas is the limit; 0 lets the endpoints estimate it, plus a fifth.
	Gas uint64
}

// Attempt is a signed transaction.
type Attempt struct {
	Hash     common.Hash
	Raw      []byte
	Tip, Cap evm.Wei
	Gas      uint64
	Void     bool // it does nothing but use the nonce
}

func (a Attempt) cost() evm.Wei { return a.Cap.Times(a.Gas) }

// Outcome is how an intent ended.
type Outcome string

// The outcomes.
const (
	// Executed: the call was made.
	Executed Outcome = "executed"
	// Failed: the contract refused it, and the gas is paid. The receipt status says only that: a contract may have failed
	// inside without refusing.
	Failed Outcome = "failed"
	// Voided: it was not made, and never will be.
	Voided Outcome = "voided"
)

// Result is how an intent ended, finally.
type Result struct {
	ID        string
	Outcome   Outcome
	Nonce     uint64
	Hash      common.Hash // what was mined; zero when nothing was ever signed
	Block     uint64
	BlockHash common.Hash
	GasUsed   uint64
	Cost      evm.Wei // paid, also for what failed or was voided
	Cause     string  // of what was voided
}

// job is an intent and what has become of it.
type job struct {
	Intent
	fill     bool // nobody's intent: it fills a hole
	placed   bool // it has a nonce
	nonce    uint64
	attempts []Attempt
	void     string // why it is not wanted any more; empty: it is
	// lost are its attempts with a nonce that the chain has used for something else, which was lostAt.
	lost   []Attempt
	lostAt uint64

	// Of this process; lost by a restart without harm.
	sent    time.Time // the last attempt was sent first
	resent  time.Time // and last
	hurry   bool      // its price is too low, an endpoint says
	funds   bool      // no endpoint takes it for want of funds
	refused string    // every endpoint that answers says that it can never be mined
	missing time.Time // since when its nonce is used finally without a receipt
	seen    common.Hash
	seenIn  common.Hash // the block of seen
}

// prior are the attempts that a new one with this nonce replaces.
func (j *job) prior(nonce uint64) []Attempt {
	if !j.placed && len(j.lost) > 0 && nonce == j.lostAt {
		return j.lost
	}
	return j.attempts
}

func (j *job) last() Attempt { return j.attempts[len(j.attempts)-1] }

// worst is what the job can cost at most by what is signed.
func (j *job) worst() evm.Wei {
	var w evm.Wei
	for _, a := range j.attempts {
		w = w.Max(a.cost())
	}
	return w
}

// spend is what a final transaction has cost.
type spend struct {
	at   time.Time
	cost evm.Wei
}

// Outbox is the state of one key's transactions: the fold of its records, and the latest sight of the chain. It does no I/O
// and reads no clock. It is not safe for several goroutines.
type Outbox struct {
	limits   Limits
	jobs     map[string]*job
	queue    []*job          // wait for a nonce, in order
	open     map[uint64]*job // have one
	done     map[string]Result
	ended    []string          // ids of done, oldest first
	contents map[string]Intent // of done
	next     uint64            // one above the highest nonce that was ever ours
	settled  uint64            // nonces below are used for good
	spends   []spend
	stopped  string // why nothing new is signed
	owner    *common.Address
	chainID  uint64

	sight     Sight
	observed  time.Time
	holeSince time.Time
}

// NewOutbox makes an empty one.
func NewOutbox(l Limits) *Outbox {
	return &Outbox{limits: l.orDefault(), jobs: map[string]*job{}, open: map[uint64]*job{}, done: map[string]Result{}, contents: map[string]Intent{}}
}

// holeID names what fills a hole. No intent may be named so.
const holeID = "hole/"

// Apply takes a record into the state, live and in replay alike. It is total: what does not fit changes nothing.
func (o *Outbox) Apply(r Record) {
	switch r.Type {
	case typeClaimed:
		o.owner, o.chainID = r.Account, r.ChainID
	case typeIntended:
		if _, known := o.content(r.ID); !known && r.To != nil {
			j := &job{Intent: Intent{r.ID, *r.To, r.Data, r.Gas}}
			o.jobs[r.ID] = j
			o.queue = append(o.queue, j)
		}
	case typeSigned:
		o.signed(r)
	case typeVoiding:
		if j := o.jobs[r.ID]; j != nil && j.void == "" {
			j.void = cmp.Or(r.Cause, "not wanted any more")
		}
	case typeEnded:
		o.end(r)
	case typeTaken:
		o.taken(r)
	case typeResumed:
		o.stopped = ""
	}
}

func (o *Outbox) signed(r Record) {
	j := o.jobs[r.ID]
	if j == nil && r.Void && strings.HasPrefix(r.ID, holeID) {
		j = &job{Intent: Intent{ID: r.ID}, fill: true, void: "it fills a hole"}
		o.jobs[r.ID] = j
	}
	if j == nil || j.placed && j.nonce != r.Nonce || !j.placed && o.open[r.Nonce] != nil {
		return
	}
	if !j.placed {
		j.attempts = j.prior(r.Nonce) // the nonce was free after all
		j.placed, j.nonce, j.lost = true, r.Nonce, nil
		o.open[r.Nonce] = j
		o.queue = slices.DeleteFunc(o.queue, func(q *job) bool { return q == j })
	}
	o.next = max(o.next, r.Nonce+1)
	j.attempts = append(j.attempts, Attempt{r.Hash, r.Raw, r.Tip, r.Cap, r.Gas, r.Void})
	j.sent, j.resent, j.hurry, j.refused = time.Time{}, time.Time{}, false, ""
}

func (o *Outbox) end(r Record) {
	j := o.jobs[r.ID]
	if j == nil {
		return
	}
	res := Result{ID: r.ID, Outcome: Failed, Nonce: r.Nonce, Hash: r.Hash, Block: r.Block, BlockHash: r.BlockHash, GasUsed: r.GasUsed, Cost: r.Price.Times(r.GasUsed), Cause: r.Cause}
	switch {
	case r.Void:
		res.Outcome = Voided
	case r.Status:
		res.Outcome = Executed
	}
	if !res.Cost.IsZero() {
		o.spends = slices.DeleteFunc(o.spends, func(s spend) bool { return r.at().Sub(s.at) >= day })
		o.spends = append(o.spends, spend{r.at(), res.Cost})
	}
	o.drop(j)
	if j.fill {
		return
	}
	o.done[r.ID], o.contents[r.ID] = res, j.Intent
	if o.ended = append(o.ended, r.ID); len(o.ended) > Remembers {
		delete(o.done, o.ended[0])
		delete(o.contents, o.ended[0])
		o.ended = o.ended[1:]
	}
}

// taken gives up a nonce that the chain has used for something else. What was to be done with it waits for a person.
func (o *Outbox) taken(r Record) {
	j := o.jobs[r.ID]
	if j == nil || !j.placed {
		return
	}
	o.drop(j)
	if j.fill {
		return // the hole is filled, whoever did it
	}
	o.stopped = r.Cause
	fresh := &job{Intent: j.Intent, void: j.void, lost: j.attempts, lostAt: j.nonce}
	o.jobs[j.ID] = fresh
	o.queue = append([]*job{fresh}, o.queue...)
}

// drop forgets a job, whose nonce is used for good if it had one.
func (o *Outbox) drop(j *job) {
	delete(o.jobs, j.ID)
	o.queue = slices.DeleteFunc(o.queue, func(q *job) bool { return q == j })
	if j.placed {
		delete(o.open, j.nonce)
		o.settled = max(o.settled, j.nonce+1)
	}
}

// content is what an id stands for.
func (o *Outbox) content(id string) (Intent, bool) {
	if j := o.jobs[id]; j != nil {
		return j.Intent, true
	}
	i, ok := o.contents[id]
	return i, ok
}

// same reports whether two intents are one. A limit of gas that was not said agrees with every one.
func (i Intent) same(k Intent) bool {
	return i.ID == k.ID && i.To == k.To && bytes.Equal(i.Data, k.Data) && (i.Gas == k.Gas || i.Gas == 0 || k.Gas == 0)
}

// inTurn are the open jobs by nonce.
func (o *Outbox) inTurn() []*job {
	out := make([]*job, 0, len(o.open))
	for _, j := range o.open {
		out = append(out, j)
	}
	slices.SortFunc(out, func(a, b *job) int { return cmp.Compare(a.nonce, b.nonce) })
	return out
}

// Hashes are all transactions whose fate is not final, to be looked for.
func (o *Outbox) Hashes() []common.Hash {
	var out []common.Hash
	for _, j := range o.inTurn() {
		for _, a := range j.attempts {
			out = append(out, a.Hash)
		}
	}
	for _, j := range o.queue {
		for _, a := range j.lost {
			out = append(out, a.Hash)
		}
	}
	return out
}

// spent is what the last 24 hours have cost.
func (o *Outbox) spent(now time.Time) evm.Wei {
	var sum evm.Wei
	for _, s := range o.spends {
		if now.Sub(s.at) < day {
			sum = sum.Plus(s.cost)
		}
	}
	return sum
}

// reserved is what is signed and not final, at its worst, but for one job.
func (o *Outbox) reserved(but *job) evm.Wei {
	var sum evm.Wei
	for _, j := range o.open {
		if j != but {
			sum = sum.Plus(j.worst())
		}
	}
	return sum
}

// Busy reports whether something is open or waits.
func (o *Outbox) Busy() bool { return len(o.open) > 0 || len(o.queue) > 0 }

// ConflictError reports an id that stands for another call already.
type ConflictError struct{ ID string }

// Error says what to do.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("intent %q exists with another target or other data: an id stands for one call for ever; choose a new one", clip(e.ID))
}

// Take decides whether an intent is taken on. Nil and no error: it is already.
func (o *Outbox) Take(i Intent) (*Record, error) {
	if i.ID == "" || len(i.ID) > maxID || strings.HasPrefix(i.ID, holeID) {
		return nil, fmt.Errorf("intent %q: want an id of 1 to %d bytes that does not begin with %q", clip(i.ID), maxID, holeID)
	}
	if len(i.Data) > maxData {
		return nil, fmt.Errorf("intent %q: %d bytes of data, nodes take %d: split it", i.ID, len(i.Data), maxData)
	}
	if have, ok := o.content(i.ID); ok {
		if !have.same(i) {
			return nil, &ConflictError{i.ID}
		}
		return nil, nil
	}
	if i.Gas < transferGas || i.Gas > maxGas {
		return nil, fmt.Errorf("intent %q: gas limit %d: want %d to %d", i.ID, i.Gas, transferGas, maxGas)
	}
	if len(o.queue) >= maxQueue {
		return nil, fmt.Errorf("intent %q: %d wait already: wait until some are done", i.ID, maxQueue)
	}
	return &Record{Type: typeIntended, ID: i.ID, To: &i.To, Data: i.Data, Gas: i.Gas}, nil
}

// Void decides that an intent is not wanted any more. Nil: there is nothing to do. It may be mined all the same: its result
// says.
func (o *Outbox) Void(id, cause string) *Record {
	j := o.jobs[id]
	if j == nil || j.void != "" {
		return nil
	}
	return &Record{Type: typeVoiding, ID: id, Cause: cause}
}
