package sandbox

import (
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	evm "sluice/pkg/sandbox/chain"
	"sluice/pkg/sandbox/relay"
)

// The states of a submission, as the relayer names them.
const (
	stateNew       = "STATE_NEW"
	stateExecuted  = "STATE_EXECUTED" // broadcast
	stateMined     = "STATE_MINED"
	stateConfirmed = "STATE_CONFIRMED"
	stateFailed    = "STATE_FAILED"  // reverted
	stateInvalid   = "STATE_INVALID" // never broadcast
)

// relayed is one submission and what became of it.
type relayed struct {
	id      string
	job     *relay.Job
	payer   string
	request int64
	state   string
	hash    string
	reason  string
	told    bool // its state is a lie by now: no other will be told
	created time.Time
	updated time.Time
}

// active reports a submission that may still reach the chain, as far as the relayer tells: not one that is past its deadline.
func (r *relayed) active() bool {
	if d := r.job.Deadline; d != nil && d.IsInt64() && time.Now().Unix() > d.Int64() {
		return false
	}
	return r.state == stateNew || r.state == stateExecuted || r.state == stateMined
}

// become changes the state that is told, and writes it down.
func (s *Sandbox) become(r *relayed, state, reason string) {
	if r.told {
		return
	}
	r.state, r.reason, r.updated = state, reason, time.Now()
	s.recordRelayed(r)
}

// begin plans what happens to a submission. The first fault that strikes decides.
func (s *Sandbox) begin(r *relayed) {
	soon, f := s.cfg.MineAfter/2, &s.faults
	late := soon + time.Duration(f.RelayLateMS)*time.Millisecond
	switch {
	case f.RelayForget.strikes(s.rng, ""):
	case f.RelaySilent.strikes(s.rng, ""):
		s.after(s.cfg.ConfirmAfter, func() {
			r.hash = common.BytesToHash(crypto.Keccak256([]byte("sluice sandbox never sent " + r.id))).Hex()
			s.become(r, stateConfirmed, "")
		})
	case f.RelayFailed.strikes(s.rng, ""):
		s.after(soon, func() {
			s.become(r, stateFailed, "execution failed")
			r.told = true
		})
		s.after(late, func() { s.broadcast(r) })
	case f.RelayLate.strikes(s.rng, ""):
		s.after(late, func() { s.broadcast(r) })
	default:
		s.after(soon, func() { s.broadcast(r) })
	}
}

// broadcast sends a submission's transaction when the chain would take it now.
func (s *Sandbox) broadcast(r *relayed) {
	j := r.job
	if err := s.precheck(j); err != nil && !s.faults.SkipPrecheck {
		s.become(r, stateInvalid, err.Error())
		return
	}
	hash, err := s.evm.Carry(j.Target, j.Payload, j.Gas)
	if err != nil {
		s.become(r, stateInvalid, err.Error())
		return
	}
	r.hash = hash.Hex()
	s.become(r, stateExecuted, "")
	s.after(s.cfg.MineAfter/2, func() {
		s.evm.Mine()
		s.follow()
		s.awaitBlock(r)
	})
}

// precheck asks the chain whether a submission would go through now.
func (s *Sandbox) precheck(j *relay.Job) error {
	_, err := s.evm.Call(evm.Call{From: evm.Worker(), To: &j.Target, Data: j.Payload, Gas: j.Gas})
	if err != nil || j.Type != relay.Proxy {
		return err
	}
	// The hub hides the failure of what it relays: ask for that as the hub does.
	_, err = s.evm.Call(evm.Call{From: j.Target, To: &j.To, Data: append(append([]byte(nil), j.Data...), j.Owner.Bytes()...), Gas: j.Gas})
	return err
}

// awaitBlock looks whether the transaction is in a block. One that the chain has lost is sent again: nonces let only one count.
func (s *Sandbox) awaitBlock(r *relayed) {
	hash := common.HexToHash(r.hash)
	receipt := s.evm.Receipt(hash)
	switch {
	case receipt == nil && s.evm.Transaction(hash) == nil:
		s.broadcast(r)
	case receipt == nil:
		s.after(blockEvery, func() { s.awaitBlock(r) })
	case receipt.Status != types.ReceiptStatusSuccessful:
		s.become(r, stateFailed, "execution reverted")
	default:
		if r.job.Type == relay.WalletCreate {
			s.relayer.created[r.job.Wallet] = time.Now()
		}
		s.become(r, stateMined, "")
		s.after(max(0, s.cfg.ConfirmAfter-s.cfg.MineAfter), func() { s.confirm(r) })
	}
}

// confirm tells the good end of a submission whose transaction is still there.
func (s *Sandbox) confirm(r *relayed) {
	receipt := s.evm.Receipt(common.HexToHash(r.hash))
	if receipt == nil || receipt.Status != types.ReceiptStatusSuccessful {
		s.become(r, stateExecuted, "")
		s.awaitBlock(r)
		return
	}
	s.become(r, stateConfirmed, "")
}
