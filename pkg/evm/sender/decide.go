package sender

import (
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"sluice/pkg/evm"
)

// Draft is a transaction that should be signed.
type Draft struct {
	ID       string
	Nonce    uint64
	To       common.Address // unset for a void one, which goes to the key's own account
	Data     []byte
	Gas      uint64
	Tip, Cap evm.Wei
	Void     bool
}

// Held says what cannot go on, why, and what to do about it. It goes on by itself when it can.
type Held struct {
	ID         string // empty: it concerns the key
	Cause, Fix string
}

// Action is what is to be done next: at most one of the first two, or nothing but waiting.
type Action struct {
	Record *Record
	Draft  *Draft
	Held   []Held // what waits for something that time alone does not bring
}

// Observe takes a sight of the chain.
func (o *Outbox) Observe(now time.Time, s Sight) {
	o.sight, o.observed = s, now
	for _, j := range o.open {
		_, mined := o.mined(j)
		switch used := s.FinalNonce > j.nonce && !mined; {
		case !used:
			j.missing = time.Time{}
		case j.missing.IsZero():
			j.missing = now
		}
	}
	switch _, hole := o.hole(); {
	case !hole:
		o.holeSince = time.Time{}
	case o.holeSince.IsZero():
		o.holeSince = now
	}
}

// mined is the attempt that is in the chain now, by the last sight.
func (o *Outbox) mined(j *job) (Attempt, bool) {
	return o.anyMined(j.attempts)
}

func (o *Outbox) anyMined(attempts []Attempt) (Attempt, bool) {
	for _, a := range attempts {
		if _, ok := o.sight.Mined[a.Hash]; ok {
			return a, true
		}
	}
	return Attempt{}, false
}

// Decide says what to do next. It changes nothing. The caller does it, and asks again, until there is nothing but waiting.
func (o *Outbox) Decide(now time.Time) Action {
	if r := o.settle(); r != nil {
		return Action{Record: r}
	}
	if h := o.still(now); h != nil {
		return Action{Held: []Held{*h}}
	}
	if d, h := o.fillHole(); d != nil || h != nil {
		return action(d, h)
	}
	var held []Held
	for _, j := range o.inTurn() {
		d, h := o.renew(now, j)
		if d != nil {
			return Action{Draft: d}
		}
		if h != nil {
			held = append(held, *h)
		}
	}
	if len(held) > 0 {
		return Action{Held: held} // nothing new behind what is stuck
	}
	return o.begin()
}

func action(d *Draft, h *Held) Action {
	if h != nil {
		return Action{Held: []Held{*h}}
	}
	return Action{Draft: d}
}

// settle records what is final, lowest nonce first, and what will never have an end.
func (o *Outbox) settle() *Record {
	for _, j := range o.inTurn() {
		if r := o.final(j, j.nonce, j.attempts); r != nil {
			return r
		}
		if !j.missing.IsZero() && o.observed.Sub(j.missing) >= takenPatience {
			return &Record{Type: typeTaken, ID: j.ID, Nonce: j.nonce, Cause: fmt.Sprintf(
				"nonce %d was used by a transaction that is not ours: somebody else signs with this key", j.nonce)}
		}
		if j.refused != "" && j.void == "" {
			return &Record{Type: typeVoiding, ID: j.ID, Cause: j.refused}
		}
	}
	for _, j := range o.queue {
		if r := o.final(j, j.lostAt, j.lost); r != nil {
			return r // what said that the nonce was used for something else was wrong
		}
		if j.void != "" && o.dead(j) && (len(j.lost) == 0 || o.stopped == "") {
			return &Record{Type: typeEnded, ID: j.ID, Void: true, Cause: j.void}
		}
	}
	return nil
}

// final is the end of a job, when one of these attempts is final.
func (o *Outbox) final(j *job, nonce uint64, attempts []Attempt) *Record {
	for _, a := range attempts {
		if in, ok := o.sight.Mined[a.Hash]; ok && in.Final {
			return &Record{
				Type: typeEnded, ID: j.ID, Nonce: nonce, Hash: a.Hash, Void: a.Void, Cause: j.void, Status: in.Status,
				Block: in.Block, BlockHash: in.BlockHash, GasUsed: in.GasUsed, Price: in.Price,
			}
		}
	}
	return nil
}

// dead reports whether nothing that was ever signed for a job without a nonce can still be mined.
func (o *Outbox) dead(j *job) bool {
	_, mined := o.anyMined(j.lost)
	return len(j.lost) == 0 || o.sight.FinalNonce > j.lostAt && !mined
}

// still says why nothing may be signed at all.
func (o *Outbox) still(now time.Time) *Held {
	switch {
	case o.stopped != "":
		return &Held{Cause: o.stopped, Fix: "run one signer for each key, find out who else has it, then resume; nothing new is signed until then"}
	case o.observed.IsZero():
		return &Held{Cause: "the chain has not been seen yet", Fix: "check the RPC endpoints"}
	case now.Sub(o.observed) >= stalePatience || now.Sub(o.sight.HeadAt) >= stalePatience:
		return &Held{Cause: fmt.Sprintf("the newest block that is known is %d of %s: what has been mined since is unknown", o.sight.Head, o.sight.HeadAt.UTC().Format(time.RFC3339)),
			Fix: "check the RPC endpoints and this machine's clock; it goes on with the next block"}
	}
	return nil
}

// renew replaces the last attempt of a job when it is due: because it waits in its turn for too long, or is not wanted.
func (o *Outbox) renew(now time.Time, j *job) (*Draft, *Held) {
	if _, mined := o.mined(j); mined || j.nonce < o.sight.Nonce {
		return nil, nil // its nonce is used; by what is found out when it is final
	}
	last := j.last()
	void := j.void != ""
	if void == last.Void && !o.due(now, j) {
		if j.funds {
			return nil, o.stuck(j, fmt.Sprintf("no endpoint takes it: the account has %s POL", o.sight.Balance.Coins()), "send POL to the account")
		}
		return nil, nil
	}
	if len(j.attempts) >= maxAttempts && void == last.Void {
		return nil, o.stuck(j, fmt.Sprintf("%d attempts are waiting, the dearest at %s gwei", len(j.attempts), last.Cap.Gwei()), "look whether the endpoints pass transactions on; the attempts stay valid")
	}
	return o.priced(j.draft(j.nonce), j)
}

// draft is what is to be signed of a job, without its price.
func (j *job) draft(nonce uint64) Draft {
	if j.void != "" {
		return Draft{ID: j.ID, Nonce: nonce, Gas: transferGas, Void: true}
	}
	return Draft{ID: j.ID, Nonce: nonce, To: j.To, Data: j.Data, Gas: j.Gas}
}

// due reports whether it is this attempt's turn and it has waited long enough.
func (o *Outbox) due(now time.Time, j *job) bool {
	if j.nonce != o.sight.Nonce || j.sent.IsZero() {
		return false
	}
	wait := now.Sub(j.sent)
	if j.hurry || j.last().Cap.Less(o.sight.Base) {
		return wait >= hurryAfter
	}
	return wait >= o.limits.BumpAfter
}

func (o *Outbox) stuck(j *job, cause, fix string) *Held {
	return &Held{j.ID, fmt.Sprintf("nonce %d: %s", j.nonce, cause), fix}
}

// hole is the lowest nonce below an open one that is neither used nor ours.
func (o *Outbox) hole() (n uint64, ok bool) {
	n = max(o.sight.Nonce, o.settled)
	for _, j := range o.inTurn() {
		switch {
		case j.nonce > n:
			return n, true
		case j.nonce == n:
			n++
		}
	}
	return 0, false
}

// fillHole signs a transaction that does nothing for a nonce that blocks the open ones above it.
func (o *Outbox) fillHole() (*Draft, *Held) {
	n, ok := o.hole()
	if !ok || o.observed.Sub(o.holeSince) < holePatience {
		return nil, nil
	}
	if lowest := o.inTurn(); len(lowest) > 0 && lowest[0].nonce-min(n, lowest[0].nonce) > maxHole {
		return nil, &Held{lowest[0].ID, fmt.Sprintf("the chain has used nonces up to %d, and ours begin at %d: too many are missing to fill", n, lowest[0].nonce), "check the RPC endpoints for one that makes up nonces, or send the missing transactions"}
	}
	return o.priced(Draft{ID: fmt.Sprintf("%s%d", holeID, n), Nonce: n, Gas: transferGas, Void: true}, nil)
}

// begin gives the first that waits its nonce.
func (o *Outbox) begin() Action {
	if len(o.queue) == 0 || len(o.open) >= o.limits.MaxOpen {
		return Action{}
	}
	j := o.queue[0]
	nonce := o.next
	switch _, mined := o.anyMined(j.lost); {
	case mined:
		return Action{} // and not final yet
	case !o.dead(j):
		nonce = j.lostAt // it is free after all
	case o.sight.Nonce > o.next:
		// Somebody has used nonces that are not in our journal. That must be final, or a reorganisation could leave a hole below ours.
		if nonce = o.sight.Nonce; o.sight.FinalNonce < nonce {
			return Action{Held: []Held{{j.ID, fmt.Sprintf("the account's nonces up to %d are used, by transactions that are not in the journal and not final", nonce), "wait some seconds; if it does not end, look what else signs with this key"}}}
		}
	}
	return action(o.priced(j.draft(nonce), j))
}

// Sends are the attempts to be sent now, lowest nonce first: of every open nonce that is not in the chain the dearest, at
// first at once and then now and again.
func (o *Outbox) Sends(now time.Time) []Attempt {
	var out []Attempt
	for _, j := range o.inTurn() {
		if _, mined := o.mined(j); !mined && (j.resent.IsZero() || now.Sub(j.resent) >= resendEvery) {
			out = append(out, j.last())
		}
	}
	return out
}

// Heard takes what the endpoints said to an attempt. It decides nothing by itself: only the chain says what has happened.
func (o *Outbox) Heard(now time.Time, hash common.Hash, answers []evm.Answer) {
	for _, j := range o.open {
		if j.last().Hash == hash {
			j.heard(now, answers)
		}
	}
}

func (j *job) heard(now time.Time, answers []evm.Answer) {
	j.resent = now
	if j.sent.IsZero() {
		j.sent = now
	}
	count := map[evm.Kind]int{}
	spoke, why := 0, ""
	for _, a := range answers {
		count[a.Kind]++
		if a.Kind != evm.Fault && a.Kind != evm.Ended {
			spoke++
		}
		if a.Kind == evm.BadGas || a.Kind == evm.Invalid {
			why = a.Err.Error()
		}
	}
	taken := count[evm.None] + count[evm.Known]
	j.hurry = taken == 0 && count[evm.Underpriced]+count[evm.TooCheap] > 0
	// What no endpoint takes, and most say can never run, must not block the nonces behind it.
	if never := count[evm.BadGas] + count[evm.Invalid]; taken == 0 && 2*never > spoke && !j.last().Void {
		j.refused = "no endpoint takes it: " + why
	}
	j.funds = taken == 0 && count[evm.Funds] > 0
}
