package sender

import (
	"maps"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"sluice/pkg/evm"
)

// Stage is what has become of an intent.
type Stage string

// The stages. Sent to Unmined may come several times, because an attempt can be replaced, and a block abandoned.
const (
	// Signed: an attempt is in the journal.
	Signed Stage = "signed"
	// Sent: at least one endpoint has taken it, or may have.
	Sent Stage = "sent"
	// Mined: an attempt is in a block that may still be abandoned.
	Mined Stage = "mined"
	// Unmined: its block was abandoned.
	Unmined Stage = "unmined"
	// Ended: final. Result is set.
	Ended Stage = "ended"
	// Waits: it is held. Cause and Fix are set.
	Waits Stage = "waits"
	// Stopped: somebody else uses the key. Cause and Fix are set.
	Stopped Stage = "stopped"
	// Low: the account runs out of what gas is paid with. Cause and Fix are set.
	Low Stage = "low"
)

// Progress is one step of an intent, or of the key when ID is empty.
type Progress struct {
	Stage      Stage
	ID         string
	Nonce      uint64
	Hash       common.Hash
	Block      uint64
	Tip, Cap   evm.Wei
	Void       bool
	Cause, Fix string
	Result     Result
}

// tellRecord tells what a record of this process says. What others wrote before is history.
func (s *Sender) tellRecord(r Record) {
	if r.Writer != s.writer {
		return
	}
	switch r.Type {
	case typeSigned:
		s.log.Info("transaction signed", "id", r.ID, "nonce", r.Nonce, "tx", r.Hash, "tip_gwei", r.Tip.Gwei(), "cap_gwei", r.Cap.Gwei(), "void", r.Void)
		s.cfg.Told(Progress{Stage: Signed, ID: r.ID, Nonce: r.Nonce, Hash: r.Hash, Tip: r.Tip, Cap: r.Cap, Void: r.Void})
	case typeEnded:
		delete(s.told, r.ID)
		res, ok := s.box.done[r.ID]
		s.log.Info("transaction final", "id", r.ID, "nonce", r.Nonce, "tx", r.Hash, "block", r.Block, "void", r.Void, "status", r.Status, "cost_pol", res.Cost.Coins())
		if ok {
			s.cfg.Told(Progress{Stage: Ended, ID: r.ID, Nonce: r.Nonce, Hash: r.Hash, Block: r.Block, Void: r.Void, Result: res})
		}
	case typeTaken:
		if s.box.stopped == "" {
			return
		}
		h := s.box.still(s.box.observed)
		s.log.Error("key is used by somebody else", "id", r.ID, "nonce", r.Nonce, "cause", h.Cause, "fix", h.Fix)
		s.cfg.Told(Progress{Stage: Stopped, ID: r.ID, Nonce: r.Nonce, Cause: h.Cause, Fix: h.Fix})
	}
}

func (s *Sender) tellSent(a Attempt, answers []evm.Answer) {
	for _, j := range s.box.open {
		if j.last().Hash != a.Hash {
			continue
		}
		for _, said := range answers {
			if said.Err != nil && said.Kind != evm.Known {
				s.log.Debug("endpoint did not take a transaction", "id", j.ID, "tx", a.Hash, "endpoint", said.Endpoint, "kind", said.Kind.String(), "error", said.Err)
			}
		}
		s.cfg.Told(Progress{Stage: Sent, ID: j.ID, Nonce: j.nonce, Hash: a.Hash, Tip: a.Tip, Cap: a.Cap, Void: a.Void})
	}
}

// tellMined tells which transactions have come into the chain since the last sight, and which have gone from it.
func (s *Sender) tellMined() {
	for _, j := range s.box.inTurn() {
		a, mined := s.box.mined(j)
		in := s.box.sight.Mined[a.Hash]
		switch {
		case !mined && j.seen != (common.Hash{}):
			s.log.Warn("transaction's block was abandoned; it is pending again", "id", j.ID, "nonce", j.nonce, "tx", j.seen)
			s.cfg.Told(Progress{Stage: Unmined, ID: j.ID, Nonce: j.nonce, Hash: j.seen})
			j.seen, j.seenIn = common.Hash{}, common.Hash{}
		case mined && j.seenIn != in.BlockHash:
			j.seen, j.seenIn = a.Hash, in.BlockHash
			s.cfg.Told(Progress{Stage: Mined, ID: j.ID, Nonce: j.nonce, Hash: a.Hash, Block: in.Block, Void: a.Void})
		}
	}
}

// heldAgain is after how long it is said again that something is held.
const heldAgain = time.Minute

// tellHeld says what is held, once, and again every minute.
func (s *Sender) tellHeld(held []Held) {
	now := map[string]bool{}
	if low := s.box.Low(); low != nil {
		if now["low"] = true; s.due("low") {
			s.log.Error("account runs out of POL", "cause", low.Cause, "fix", low.Fix)
			s.cfg.Told(Progress{Stage: Low, Cause: low.Cause, Fix: low.Fix})
		}
	}
	for _, h := range held {
		key := "held/" + h.ID
		if now[key] = true; s.due(key) {
			s.log.Warn("transaction held", "id", h.ID, "cause", h.Cause, "fix", h.Fix)
			s.cfg.Told(Progress{Stage: Waits, ID: h.ID, Cause: h.Cause, Fix: h.Fix})
		}
	}
	maps.DeleteFunc(s.told, func(key string, _ time.Time) bool { return !now[key] })
}

func (s *Sender) due(key string) bool {
	if at, ok := s.told[key]; ok && time.Since(at) < heldAgain {
		return false
	}
	s.told[key] = time.Now()
	return true
}
