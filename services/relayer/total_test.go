package relayer

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/limits/quota"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// chooser makes choices of bytes; when they are used up it chooses the first.
type chooser struct{ b []byte }

func (c *chooser) of(n int) int {
	if len(c.b) == 0 {
		return 0
	}
	v := int(c.b[0]) % n
	c.b = c.b[1:]
	return v
}

func pick[T any](c *chooser, of ...T) T { return of[c.of(len(of))] }

// Whatever is told in whatever order, deciding and applying do not panic, replay equals life, and no two open units stand beside each
// other: messages are made of bytes, with units that are the core's own, older ones, and none.
func FuzzWalletIsTotal(f *testing.F) {
	f.Add([]byte{2, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15})
	f.Add([]byte(strings.Repeat("\x02\x00\x01\x07\x05\x03\x09\x04\x06\x01\x00\x08", 12)))
	f.Add([]byte(strings.Repeat("\x01\x03\x00\x02\x05\x07\x04\x06\x00\x09\x01\x0b\x0d", 12)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) <= 400 {
			total(t, b)
		}
	})
}

// The same over bytes at random, which come further than a fuzzer does in the time that CI has.
func TestWalletIsTotalOverRandomBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 600 {
		b := make([]byte, 1+r.IntN(400))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		total(t, b)
	}
}

func total(t *testing.T, b []byte) {
	c := &chooser{b}
	kind := pick(c, polymarket.Safe, polymarket.Proxy, polymarket.Deposit, polymarket.EOA)
	s := &stage{trial: begun(t, kind), named: map[string]string{}}
	var packs []Pack
	for i := 0; len(c.b) > 0; i++ {
		d := s.tell(s.any(c, i, packs))
		for _, x := range d.Early {
			if r, ok := x.(Rehearse); ok {
				packs = append(packs, r.Pack)
			}
		}
		for _, e := range d.Events {
			if u, ok := e.(*msgs.TxUnit); ok {
				s.call(u.Unit)
			}
		}
		s.now = s.now.Add(time.Duration(c.of(40)) * time.Second)
		if c.of(12) == 11 {
			s.core = s.replayed()
			s.core.rules.AcceptLog = c.of(3) > 0
			for range s.core.Open() {
			}
			s.claim()
		}
	}
	s.consistent()
}

// any is some message.
func (s *stage) any(c *chooser, i int, packs []Pack) any {
	unit := "nobody's"
	if n := len(s.units); n > 0 && c.of(8) > 0 {
		unit = s.units[n-1-c.of(min(n, 3))]
	}
	switch c.of(12) {
	case 0, 1:
		return s.anyCommand(c, i)
	case 2:
		return actor.Tick{}
	case 3, 4:
		l := s.looks(uint64(c.of(4)))
		l.Err = pick(c, nil, nil, nil, failure(msgs.VenueDown, "x", "y"))
		l.Deployed = c.of(5) > 0
		l.Relayer.Open, l.OwnGas.Open = c.of(3) > 0, c.of(3) > 0
		l.Approvals = c.of(2) > 0
		l.Missing = s.id.Contracts.Approvals()[:c.of(3)]
		l.Unsure = pick(c, nil, nil, failure(msgs.VenueDown, "x", "y"))
		l.Quota.Used = pick(c, 0, 90, 100)
		if c.of(6) == 5 {
			l.Cash, l.Positions = nil, nil
		}
		return l
	case 5, 6:
		if len(packs) == 0 {
			return Rehearsed{}
		}
		p := packs[len(packs)-1-c.of(min(len(packs), 2))]
		return Rehearsed{Pack: p, Failed: pick(c, -1, -1, -1, 0, 1, 99), Nonce: p.Nonce + uint64(c.of(8)/7), Err: pick(c, nil, nil, nil, failure(msgs.VenueDown, "x", "y"))}
	case 7:
		m := Submitted{Unit: unit, Left: c.of(2) > 0}
		switch c.of(4) {
		case 0:
			m.ID = "id"
		case 1:
			m.Exhausted = &quota.Exhausted{Until: s.now.Add(time.Hour)}
		case 2:
			m.Denied = pick(c, nil, failure(msgs.Forbidden, "x", "y"))
		case 3:
			m.Err = refused(pick(c, polymarket.RelayerQuota, polymarket.RelayerLost, polymarket.RelayerNeverLeft, polymarket.RelayerNonce, polymarket.RelayerCallBlocked,
				polymarket.RelayerWalletBusy, polymarket.RelayerUnauthorised, polymarket.RelayerRateLimited, polymarket.RelayerStranger, "unheard of"))
		}
		return m
	case 8:
		return Brought{Unit: unit, Err: pick(c, nil, failure(msgs.NoGas, "x", "y"), failure(msgs.WouldRevert, "x", "y"), failure(msgs.DeadlinePassed, "x", "y")), Past: c.of(4) == 3,
			Part: c.of(4) == 3, Unknown: c.of(4) == 3, Refused: pick(c, nil, []msgs.TxRefused{{Call: c.of(3), Error: failure(msgs.WouldRevert, "x", "y")}}), Denied: pick(c, nil, nil, nil, failure(msgs.Forbidden, "x", "y"))}
	case 9, 10:
		m := Seen{Unit: unit, State: pick(c, "", polymarket.TxFailed, polymarket.TxMined), Block: uint64(c.of(3)), Final: c.of(2) > 0, Executed: c.of(2) > 0, NonceUsed: c.of(5) == 4,
			Expired: c.of(6) == 5, Reverted: c.of(6) == 5, Elsewhere: pick(c, "", "", "", "", "", "", "", "0xbb"), Effect: pick(c, nil, msgs.Effect{"pUSD": 5})}
		for range c.of(4) {
			m.Steps = append(m.Steps, Step{Final: c.of(3) > 0, Err: pick(c, nil, nil, failure(msgs.Reverted, "x", "y"))})
		}
		return m
	}
	return pick[any](c, nil, actor.LaneEnd{}, actor.Poisoned{Record: actor.Record{Data: []byte(`{"request_id":"p1"}`)}}, actor.Started{}, actor.Started{Losses: []msgs.Loss{{Code: msgs.LogRolledBack}}}, actor.Recalled{}, Answering{}, "nothing")
}

func (s *stage) anyCommand(c *chooser, i int) *Asked {
	id := fmt.Sprintf("q%d", pick(c, i, i, i, c.of(6)))
	common := pick(c, "", `,"urgency":"high"`, `,"urgency":"low"`, fmt.Sprintf(`,"deadline_ms":%d`, s.now.Add(time.Minute).UnixMilli()))
	amount := pick(c, `"1"`, `"9000"`, `"600"`)
	all := pick(c, amount, `"max"`)
	market := pick(c, testCondition, otherMarket, "0x"+strings.Repeat("7", 64))
	verb := pick(c, "split", "merge", "redeem", "convert", "wrap", "unwrap", "approve", "deploy", "transfer", "cancel")
	fields := map[string]string{
		"split": `,"condition_id":"` + market + `","amount":` + amount, "merge": `,"condition_id":"` + market + `","amount":` + all, "redeem": `,"condition_id":"` + market + `"`,
		"convert": `,"condition_id":"` + market + `","amount":` + all, "wrap": `,"amount":` + all, "unwrap": `,"amount":` + all, "approve": `,"set":"trading"`, "deploy": "",
		"transfer": `,"to":"` + listed + `","amount":` + all + pick(c, `,"asset":"pUSD"`, `,"asset":"USDC.e"`, `,"token_id":"`+yesToken+`"`),
	}
	if verb == "cancel" {
		return s.asked(verb, fmt.Sprintf(`{"request_id":"c%d","cancels":"q%d"}`, i, c.of(max(i, 1))))
	}
	return s.asked(verb, `{"request_id":"`+id+`"`+common+fields[verb]+`}`)
}

// Whatever stood in an event, folding it does not panic.
func FuzzApplyIsTotal(f *testing.F) {
	b := begun(f, polymarket.Safe)
	b.ask("split", `{"request_id":"s1","condition_id":"`+testCondition+`","amount":"250"}`)
	b.wait(31 * time.Second)
	b.tell(actor.Tick{})
	r := deedOf[Rehearse](f, b.tell(b.looks(7)).Early)
	b.tell(Rehearsed{Pack: r.Pack, Failed: -1, Nonce: 7})
	var lines []string
	for _, e := range b.log {
		raw, err := json.Marshal(e)
		if err != nil {
			f.Fatal(err)
		}
		lines = append(lines, string(raw))
	}
	f.Add(strings.Join(lines, "\n"))
	f.Add(`{"type":"tx.queued","request_id":"a","verb":"merge","command":{"amount":"max"}}` + "\n" + `{"type":"tx.sealed","unit":"u","request_ids":["a"],"payload":{"unit":"u","request_ids":["a"]}}` + "\n" +
		`{"type":"tx.released","unit":"u","request_ids":["a"],"live":true}` + "\n" + `{"type":"tx.confirmed","unit":"u","request_id":"a"}`)
	f.Fuzz(func(t *testing.T, log string) {
		if len(log) > 10_000 {
			return
		}
		w := NewWallet(identity(t, polymarket.Safe), Rules{})
		for line := range strings.Lines(log) {
			e, err := msgs.DecodeEvent([]byte(line))
			if err != nil {
				continue
			}
			w.Apply(e)
			w.Decide(time.UnixMilli(1_763_800_100_000), actor.Tick{})
		}
		for range w.Open() {
		}
		if s, err := w.Snapshot(); err == nil {
			_ = NewWallet(identity(t, polymarket.Safe), Rules{}).Restore(s)
		}
	})
}
