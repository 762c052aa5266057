package relayer

import (
	"slices"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// What is known of a wallet's permissions is on the log: it is read once, kept over restarts, brought up to date by what was granted,
// and read again only when it is a day old or in doubt.
func TestPermissionsAreRememberedAndReadAnewInTime(t *testing.T) {
	t.Run("S2-36 kept over a restart, granted once", grantedOnce)
	t.Run("S2-37 read again after a day", readAgainAfterADay)
	t.Run("S2-37 read again after an error", readAgainAfterAnError)
	t.Run("S2-38 without limit, and nothing at a start", unlimited)
	t.Run("S2-39 nothing missing, no unit", nothingMissing)
}

// permitting is a wallet whose permissions were all missing, and that was granted them by its first unit.
func permitting(t *testing.T) (*trial, msgs.TxPayload) {
	b := begun(t, polymarket.Safe)
	b.ask("wrap", `{"request_id":"first","amount":"5","urgency":"high"}`)
	b.wait(2 * time.Second)
	l := b.looks(7)
	l.Missing = b.id.Contracts.Approvals()
	u := deedOf[Submit](t, b.sealed(l).Deeds).Unit
	b.tell(Submitted{Unit: u.Unit, ID: "id-1"})
	b.tell(Seen{Unit: u.Unit, TxHash: "0x01", Block: 107, Executed: true, Final: true})
	return b, u
}

// restart folds the log anew, as a start does, and gives what that has it do.
func (b *trial) restart() actor.Decision {
	b.consistent()
	b.core = b.replayed()
	b.claimed()
	first := b.tell(actor.Started{})
	end := b.tell(actor.LaneEnd{})
	tick := b.tell(actor.Tick{})
	return actor.Decision{Early: slices.Concat(first.Early, end.Early, tick.Early), Deeds: slices.Concat(first.Deeds, end.Deeds, tick.Deeds)}
}

// next is the look that another request leads to.
func (b *trial) next(id string) Look {
	b.t.Helper()
	b.ask("split", `{"request_id":"`+id+`","condition_id":"`+testCondition+`","amount":"5","urgency":"high"}`)
	b.wait(2 * time.Second)
	return deedOf[Look](b.t, b.tell(actor.Tick{}).Early)
}

// unread is a world in which the permissions were not asked about.
func (b *trial) unread(nonce uint64) Looked {
	l := b.looks(nonce)
	l.Approvals = false
	return l
}

// sealedFrom brings what a look was asked for to its Submit.
func (b *trial) sealedFrom(l Looked) actor.Decision {
	b.t.Helper()
	r := deedOf[Rehearse](b.t, b.tell(l).Early)
	return b.tell(Rehearsed{Pack: r.Pack, Failed: -1, Nonce: r.Pack.Nonce})
}

func grantedOnce(t *testing.T) {
	b, _ := permitting(t)
	b.restart()
	if l := b.next("second"); l.Approvals {
		t.Error("read again although the log knows them")
	}
	r := deedOf[Rehearse](t, b.tell(b.unread(8)).Early)
	if len(r.Pack.Calls) != 1 || r.Pack.Approvals {
		t.Errorf("granted again: %s", text(r.Pack))
	}
}

func readAgainAfterADay(t *testing.T) {
	b, _ := permitting(t)
	b.wait(23 * time.Hour)
	if l := b.next("second"); l.Approvals {
		t.Error("read again within the day")
	}
	u := deedOf[Submit](t, b.sealedFrom(b.unread(8)).Deeds).Unit
	b.tell(Submitted{Unit: u.Unit, ID: "id-2"})
	b.tell(Seen{Unit: u.Unit, TxHash: "0x02", Block: 108, Executed: true, Final: true})
	b.wait(2 * time.Hour)
	if l := b.next("third"); !l.Approvals {
		t.Error("not read again after a day")
	}
	l := b.looks(9)
	l.Missing = b.id.Contracts.Approvals()[2:3] // pUSD for the adapter
	r := deedOf[Rehearse](t, b.tell(l).Early)
	if len(r.Pack.Calls) != 2 || !r.Pack.Approvals {
		t.Errorf("what was taken back meanwhile is not granted in the same unit: %s", text(r.Pack))
	}
}

func readAgainAfterAnError(t *testing.T) {
	b, _ := permitting(t)
	b.next("second")
	u := deedOf[Submit](t, b.sealedFrom(b.unread(8)).Deeds).Unit
	b.tell(Submitted{Unit: u.Unit, ID: "id-2"})
	b.tell(Seen{Unit: u.Unit, TxHash: "0x02", Block: 108, Reverted: true, Final: true, Message: "GS013"})
	if l := b.next("third"); !l.Approvals {
		t.Error("not read again although a transaction failed")
	}
}

func unlimited(t *testing.T) {
	b, u := permitting(t)
	granted := 0
	for _, c := range u.Calls {
		m, err := polymarket.DecodeCalldata(common.FromHex(c.Data))
		if err != nil {
			t.Fatal(err)
		}
		switch m := m.(type) {
		case polymarket.ApproveERC20:
			granted++
			if m.Amount != polymarket.MaxAllowance() {
				t.Errorf("%s may take no more than %s", m.Spender, m.Amount.Dec())
			}
		case polymarket.ApproveAll:
			granted++
			if !m.Approved {
				t.Errorf("taken back from %s", m.Operator)
			}
		}
	}
	if granted != len(b.id.Contracts.Approvals()) {
		t.Errorf("%d permissions granted in one unit, want all %d", granted, len(b.id.Contracts.Approvals()))
	}
	if d := b.restart(); len(d.Early)+len(d.Deeds) != 0 {
		t.Errorf("a start alone has it do %s", text(d))
	}
}

func nothingMissing(t *testing.T) {
	b := begun(t, polymarket.Safe)
	b.ask("approve", `{"request_id":"a1","set":"trading","urgency":"high"}`)
	b.wait(2 * time.Second)
	if l := deedOf[Look](t, b.tell(actor.Tick{}).Early); !l.Approvals {
		t.Fatal("the permissions are not asked about")
	}
	d := b.tell(b.looks(7))
	if a, _ := b.core.Answer("a1"); a.Last != msgs.KindTxConfirmed || a.Unit != "" {
		t.Errorf("answered %s", text(a))
	}
	for _, x := range slices.Concat(d.Early, d.Deeds) {
		if _, looks := x.(Look); !looks {
			t.Errorf("with nothing missing it does %T", x)
		}
	}
}
