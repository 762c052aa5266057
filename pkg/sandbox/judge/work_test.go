package judge

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// workCase is a made-up run of main's relayer: a split and a wrap in one unit by the relayer, a payment by own gas after a
// lost race, and a merge that was dropped.
type workCase struct {
	journal, transfers []fields
	asked              map[string]fields // by "verb id"
	order              []string
	told               []fields
	books              []fields
}

func newWorkCase() *workCase {
	c := &workCase{asked: map[string]fields{}}
	at := start
	c.journal = []fields{
		{"kind": "meta", "at_us": at, "env": "sandbox", "accounts": []fields{{"name": "main", "address": "0xA1", "funder": "0xF1"}, {"name": "second", "address": "0xA2", "funder": "0xF2"}},
			"markets": []fields{{"slug": "sandbox-coin", "condition_id": market, "tokens": []string{yes, no}}}},
		{"kind": "limits", "at_us": at, "windows": []fields{}, "tiers": []fields{}, "builders": []fields{{"name": "Few", "units": 2}}},
		c.submitted(1, 200), c.charged(1), c.executed("0xaa", "0xk1", "relayer", true),
		c.submitted(2, 400), c.charged(2),
		c.executed("0xdd", "", "own_gas", false), c.executed("0xbb", "0xk2", "own_gas", true),
		{"kind": "relay", "at_us": at, "request": 1, "account": "builder-1", "wallet": "0xF1", "tx_hash": "0xAA", "state": "STATE_CONFIRMED"},
	}
	c.move("0xaa", "0xF1", "0xff", "pUSD", 250)
	c.move("0xaa", "0x0", "0xF1", yes, 250)
	c.move("0xaa", "0x0", "0xF1", no, 250)
	c.move("0xaa", "0x0", "0xF1", "pUSD", 40)
	c.move("0xbb", "0xF1", "0xF2", "pUSD", 7)
	c.move("0xee", "0xF1", "0xff", "pUSD", 99) // a trade: no execution
	c.ask("split", "s", fields{"condition_id": market, "amount": "250"})
	c.ask("wrap", "w", fields{"amount": "40"})
	c.ask("transfer", "t", fields{"asset": "pUSD", "amount": "7", "to": "0xF2"})
	c.ask("merge", "m", fields{"condition_id": market, "amount": "max"})
	c.ask("cancel", "c", fields{"cancels": "m"})
	c.confirmed("s", "0xAA", fields{"pUSD": "-250", yes: "250", no: "250"})
	c.confirmed("w", "0xAA", fields{"pUSD": "40", "USDC.e": "-40"})
	c.confirmed("t", "0xBB", fields{"pUSD": "-7"})
	c.told = append(c.told, fields{"type": "tx.queued", "request_id": "m"}, fields{"type": "tx.dropped", "request_id": "m"})
	return c
}

// A repeat that is refused as bad input is said beside the end of the first.
func TestRefusedRepeatIsNoSecondEnd(t *testing.T) {
	c := newWorkCase()
	c.told = append(c.told, fields{"type": "tx.failed", "request_id": "t", "error": fields{"code": "duplicate_id"}})
	if w := c.judge(t); !w.Content() || w.Confirmed != 3 {
		t.Errorf("%+v", w)
	}
}

func (*workCase) submitted(id int64, status int) fields {
	return fields{"kind": "request", "at_us": start + id, "id": id, "method": "POST", "path": "/relayer/submit", "account": "builder-1", "body": fmt.Sprintf(`{"signature":"0xs%d"}`, id), "status": status, "answer": "{}", "fate": "answered"}
}

func (*workCase) charged(id int64) fields {
	return fields{"kind": "charge", "at_us": start, "request": id, "account": "builder-1", "used": 1}
}

func (*workCase) executed(tx, key, carrier string, ok bool) fields {
	return fields{"kind": "execution", "at_us": start, "tx_hash": tx, "carrier": carrier, "account": "main", "wallet": "0xf1", "key": key, "ok": ok}
}

func (c *workCase) move(tx, from, to, asset string, amount int64) {
	f := fields{"kind": "transfer", "tx_hash": tx, "from": from, "to": to, "amount": fmt.Sprint(amount * baseUnits)}
	if f["asset"] = asset; asset != "pUSD" {
		delete(f, "asset")
		f["token_id"] = asset
	}
	c.transfers = append(c.transfers, f)
}

func (c *workCase) ask(verb, id string, body fields) {
	body["request_id"] = id
	c.asked[verb+" "+id] = body
	c.order = append(c.order, verb+" "+id)
}

func (c *workCase) confirmed(id, tx string, effect fields) {
	c.told = append(c.told, fields{"type": "tx.confirmed", "request_id": id, "tx_hash": tx, "effect": effect})
}

// undone says that a transaction has not done after all what it did for main.
func (c *workCase) undone(tx, key, carrier string) {
	f := c.executed(tx, key, carrier, true)
	f["undone"] = true
	c.journal = append(c.journal, f)
	for _, m := range c.transfers {
		if m["tx_hash"] == tx {
			u := maps.Clone(m)
			u["undone"] = true
			c.transfers = append(c.transfers, u)
		}
	}
}

// due gives a request a deadline so many milliseconds after the start.
func (c *workCase) due(name string, ms int64) { c.asked[name]["deadline_ms"] = start/1000 + ms }

// left says that the intent of the own-gas unit was stored so many milliseconds after the start.
func (c *workCase) left(ms int64) {
	c.told[2]["unit"] = "u2"
	c.told = append([]fields{{"type": "tx.submitting", "unit": "u2", "after_ms": ms}}, c.told...)
}

// booked is an event of the book of daily units.
func (c *workCase) booked(kind, id string) {
	c.books = append(c.books, fields{"v": 1, "after": len(c.books), "kind": kind, "id": id})
}

// Bytes that came in time may come again after the deadline, and what a reorganisation has undone is executed again by another
// transaction; a word that corrects an earlier one is none too many.
func TestLawfulWorkIsAcquitted(t *testing.T) {
	for name, change := range map[string]func(c *workCase){
		"in time": func(c *workCase) { c.due("split s", 1); c.due("transfer t", 100); c.left(50) },
		"on time": func(c *workCase) { c.due("transfer t", 100); c.left(100 + DefaultTolerance.Milliseconds()) },
		"came again": func(c *workCase) {
			again := c.submitted(3, 429)
			again["body"], again["at_us"] = `{"signature":"0xs1"}`, start+int64(1e6)
			c.journal[1]["builders"] = []fields{}
			c.journal = append(c.journal, again)
			c.journal[9]["request"] = 3
			c.due("split s", 1)
		},
		"undone and executed by another": func(c *workCase) {
			c.undone("0xbb", "0xk2", "own_gas")
			c.journal = append(c.journal, c.executed("0xcc", "0xk2", "relayer", true))
			c.move("0xcc", "0xF1", "0xF2", "pUSD", 7)
			c.told[2]["tx_hash"] = "0xcc"
		},
		"undone and there again": func(c *workCase) {
			c.undone("0xbb", "0xk2", "own_gas")
			c.journal = append(c.journal, c.executed("0xbb", "0xk2", "own_gas", true))
			c.move("0xbb", "0xF1", "0xF2", "pUSD", 7)
		},
		"failed, and confirmed after all": func(c *workCase) {
			c.told[2]["late"] = true
			c.told = append([]fields{{"type": "tx.failed", "request_id": "t"}}, c.told...)
		},
		"it waits": func(c *workCase) {
			c.told = append(c.told[:4:4], fields{"type": "tx.waiting", "request_ids": []string{"x", "m"}})
		},
		"a cancel that came too late": func(c *workCase) {
			c.told = append(c.told, fields{"type": "tx.failed", "request_id": "c", "error": fields{"code": "already_left"}})
		},
		"nothing to do on chain": func(c *workCase) {
			c.ask("approve", "a", fields{"set": "trading"})
			c.told = append(c.told, fields{"type": "tx.confirmed", "request_id": "a", "effect": fields{}})
		},
		"units booked": func(c *workCase) {
			for _, id := range []string{"u1", "u2"} {
				c.booked("reserved", id)
				c.booked("confirmed", id)
			}
			c.booked("reserved", "whose answer was lost")
			c.booked("reserved", "refused")
			c.booked("voided", "refused")
		},
		"one unit for a request that was sent again, two for one that was answered": func(c *workCase) {
			for _, kind := range []string{"reserved", "reserved", "confirmed", "reserved", "confirmed"} {
				c.booked(kind, "u1")
			}
		},
		"booked, refused, and not charged": func(c *workCase) {
			refusal := c.submitted(3, 403)
			refusal["account"] = ""
			c.journal = append(c.journal, refusal)
			for _, id := range []string{"u1", "u2", "u3"} {
				c.booked("reserved", id)
				c.booked("confirmed", id)
			}
		},
		"a trimmed book": func(c *workCase) { c.books = []fields{{"v": 1, "after": 7, "kind": "reserved", "id": "u9"}} },
	} {
		t.Run(name, func(t *testing.T) {
			c := newWorkCase()
			change(c)
			if w := c.judge(t); !w.Content() || w.Confirmed+w.Failed+w.Waiting != w.Requests {
				t.Errorf("%v: %v, %+v", w.Wrong, w.Findings, w)
			}
		})
	}
}

func lines(all []fields) string {
	var b strings.Builder
	for _, f := range all {
		b.WriteString(asJSON(f) + "\n")
	}
	return b.String()
}

func (c *workCase) judge(t *testing.T) Work {
	t.Helper()
	var record []fields
	for i, name := range c.order {
		verb, _, _ := strings.Cut(name, " ")
		record = append(record, fields{"stream": "ASK_main", "subject": "cmd.tx.main." + verb, "seq": i + 1, "stored_us": start, "data": asJSON(c.asked[name])})
	}
	for i, e := range c.told {
		at := start
		if after, set := e["after_ms"].(int64); set {
			at += 1000 * after
		}
		record = append(record, fields{"stream": "LOG_main", "subject": "evt.tx.main", "seq": i + 1, "stored_us": at, "data": asJSON(fields{"events": []fields{e}})})
	}
	for i, e := range c.books {
		record = append(record, fields{"stream": "QUOTA", "subject": "quota.builder-1", "seq": i + 1, "stored_us": start, "data": asJSON(e)})
	}
	w, err := JudgeWork(strings.NewReader(lines(c.journal)), strings.NewReader(lines(c.transfers)), strings.NewReader(lines(record)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestHonestWorkIsAcquitted(t *testing.T) {
	w := newWorkCase().judge(t)
	if !w.Content() {
		t.Errorf("%v: %v", w.Wrong, w.Findings)
	}
	if w.Requests != 4 || w.Confirmed != 3 || w.Failed != 1 || w.ByRelayer != 1 || w.ByOwnGas != 1 || w.LostRaces != 1 || w.Units["builder-1"] != 2 || len(w.Units) != 1 {
		t.Errorf("counts %+v", w)
	}
}

// Each broken variant is charged with what is wrong, as often as it is, and with nothing else.
func TestBrokenWorkIsChargedExactly(t *testing.T) {
	for name, v := range map[string]struct {
		spoil func(c *workCase)
		want  map[Kind]int
	}{
		"a unit charged twice":  {func(c *workCase) { c.journal = append(c.journal, c.charged(1)) }, map[Kind]int{UnitsMiscounted: 1}},
		"a unit of nobody":      {func(c *workCase) { c.journal = append(c.journal, c.charged(9)) }, map[Kind]int{UnitsMiscounted: 1}},
		"two units not charged": {func(c *workCase) { c.journal = slices.Concat(c.journal[:3], c.journal[4:6], c.journal[7:]) }, map[Kind]int{UnitsMiscounted: 2}},
		"three submissions with two units": {func(c *workCase) {
			c.journal = append(c.journal, c.submitted(3, 200), c.charged(3))
		}, map[Kind]int{UnitsOver: 1}},
		"refused for want of units, twice": {func(c *workCase) {
			c.journal = append(c.journal, c.submitted(3, 429), c.submitted(4, 429))
		}, map[Kind]int{UnitsOver: 2}},
		"one payload, two transactions": {func(c *workCase) {
			c.journal = append(c.journal, c.executed("0xcc", "0xk1", "own_gas", true))
		}, map[Kind]int{ExecutedTwice: 1}},
		"a payment made again by another payload": {func(c *workCase) {
			c.journal = append(c.journal, c.executed("0xcc", "0xk3", "relayer", true))
			c.move("0xcc", "0xF1", "0xF2", "pUSD", 7)
		}, map[Kind]int{Untold: 1}},
		"a split made again by another payload": {func(c *workCase) {
			c.journal = append(c.journal, c.executed("0xcc", "0xk3", "own_gas", true))
			c.move("0xcc", "0xF1", "0xff", "pUSD", 250)
			c.move("0xcc", "0x0", "0xF1", yes, 250)
		}, map[Kind]int{Untold: 1}},
		"two payloads of what transfers do not know": {func(c *workCase) {
			c.journal = append(c.journal, c.executed("0xcc", "0xk3", "relayer", true), c.executed("0xcd", "0xk4", "own_gas", true), c.executed("0xce", "0xk5", "own_gas", false))
		}, map[Kind]int{Untold: 2}},
		"told with another effect": {func(c *workCase) { c.told[2]["effect"] = fields{"pUSD": "-8"} }, map[Kind]int{WrongEffect: 2}}, // not what was asked, not what was done
		"asked for another amount": {func(c *workCase) { c.asked["wrap w"]["amount"] = "41" }, map[Kind]int{WrongEffect: 1}},
		"a merge instead of a split": {func(c *workCase) {
			c.asked["merge s"], c.order[0] = c.asked["split s"], "merge s"
		}, map[Kind]int{WrongEffect: 3}},
		"confirmed by a transaction that never was": {func(c *workCase) { c.told[2]["tx_hash"] = "0xcc" }, map[Kind]int{WrongEffect: 1, Untold: 1, NotExecuted: 1}},
		"confirmed twice by one":                    {func(c *workCase) { c.told = append(c.told, c.told[1]) }, map[Kind]int{ToldTwice: 1, WrongEffect: 1}},
		"confirmed by two": {func(c *workCase) {
			c.confirmed("t", "0xcc", fields{"pUSD": "-7"})
			c.journal = append(c.journal, c.executed("0xcc", "0xk3", "relayer", true))
			c.move("0xcc", "0xF1", "0xF2", "pUSD", 7)
		}, map[Kind]int{ExecutedTwice: 1}},
		"confirmed and failed": {func(c *workCase) { c.told = append(c.told, fields{"type": "tx.failed", "request_id": "t"}) }, map[Kind]int{ToldTwice: 1}},
		"no end":               {func(c *workCase) { c.told = c.told[:4] }, map[Kind]int{Unanswered: 1}},
		"waited, left, and no end": {func(c *workCase) {
			c.told = append(c.told[:4:4], fields{"type": "tx.waiting", "request_ids": []string{"m"}}, fields{"type": "tx.submitting", "unit": "u3", "request_ids": []string{"m"}})
		}, map[Kind]int{Unanswered: 1}},
		"dropped, but executed":   {func(c *workCase) { c.told[2] = fields{"type": "tx.dropped", "request_id": "t"} }, map[Kind]int{Untold: 1}},
		"never asked":             {func(c *workCase) { c.order = append(c.order[:2:2], c.order[3:]...) }, map[Kind]int{Unasked: 1}},
		"an effect without sense": {func(c *workCase) { c.told[2]["effect"] = fields{"pUSD": "seven"} }, map[Kind]int{Unreadable: 1, WrongEffect: 1, Untold: 1}},
		"two units that the book has not": {func(c *workCase) {
			c.booked("reserved", "u1")
			c.booked("voided", "u1")
		}, map[Kind]int{UnitsForgotten: 2}},
		"two units that the venue has not": {func(c *workCase) {
			for _, id := range []string{"u1", "u2", "u3", "u4"} {
				c.booked("reserved", id)
				c.booked("confirmed", id)
			}
		}, map[Kind]int{UnitsInvented: 2}},
		"one unit counted for two": {func(c *workCase) { c.booked("reserved", "u1") }, map[Kind]int{UnitsForgotten: 1}},
		"a request sent again after its answer, for nothing": {func(c *workCase) {
			for _, kind := range []string{"reserved", "confirmed", "confirmed", "reserved", "voided"} {
				c.booked(kind, "u1")
			}
		}, map[Kind]int{UnitsForgotten: 1}},
		"an approval that was never executed": {func(c *workCase) {
			c.ask("approve", "a", fields{"set": "trading"})
			c.confirmed("a", "0xcc", fields{})
		}, map[Kind]int{NotExecuted: 1}},
		"an approval that only failed": {func(c *workCase) {
			c.ask("approve", "a", fields{"set": "trading"})
			c.confirmed("a", "0xdd", fields{})
		}, map[Kind]int{NotExecuted: 1}},
		"confirmed, and undone for good": {func(c *workCase) { c.undone("0xbb", "0xk2", "own_gas") }, map[Kind]int{NotExecuted: 1, WrongEffect: 1}},
		"undone what never was":          {func(c *workCase) { c.undone("0xcc", "0xk9", "own_gas") }, map[Kind]int{Unreadable: 1}},
		"two left late by the relayer":   {func(c *workCase) { c.due("split s", -1000); c.due("wrap w", -1000) }, map[Kind]int{LeftLate: 2}},
		"left late by own gas":           {func(c *workCase) { c.due("transfer t", 100); c.left(101 + DefaultTolerance.Milliseconds()) }, map[Kind]int{LeftLate: 1}},
		"confirmed late after another good": {func(c *workCase) {
			c.told = append(c.told, fields{"type": "tx.confirmed", "request_id": "m", "late": true, "effect": fields{}})
			c.told = append(c.told, fields{"type": "tx.dropped", "request_id": "m"})
		}, map[Kind]int{ToldTwice: 1}},
		"a journal without a start": {func(c *workCase) { c.journal = c.journal[2:] }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := newWorkCase()
			v.spoil(c)
			w := c.judge(t)
			if v.want == nil {
				if w.Content() {
					t.Error("acquitted")
				}
				return
			}
			if !maps.Equal(w.Wrong, v.want) {
				t.Errorf("charged with %v, want %v: %v", w.Wrong, v.want, w.Findings)
			}
		})
	}
}
