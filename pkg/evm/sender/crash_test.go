package sender_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"sluice/pkg/evm"
	"sluice/pkg/evm/sender"
)

// A process is killed at every single step into the outside, one after the other, in a story that has a spike of the base
// fee, a dropped transaction and a reorganisation. Its successor has the journal and nothing else.
func TestKilledAtEveryStep(t *testing.T) {
	steps := 0
	for at := 1; ; at += stride() {
		died := false
		bubble(t, func(t *testing.T) {
			w := newWorld(t, 1)
			j := &sender.Memory{}
			p := w.start(j, at, nil)
			p, died = w.tell(j, p)
			p.once(1, 2, 3)
			if n := len(w.sent()); n != 3 {
				t.Errorf("killed at step %d: the chain has %d transactions, want 3", at, n)
			}
			if !died {
				steps = p.m.steps
			}
		})
		if !died || t.Failed() {
			break
		}
	}
	if steps < 50 {
		t.Errorf("the story has %d steps: it has become too short to show anything", steps)
	}
	t.Logf("%d steps", steps)
}

// stride is every ninth step, or every one when a campaign is wanted.
func stride() int {
	if os.Getenv("SLUICE_SENDER_SEEDS") == "" {
		return 9
	}
	return 1
}

// tell is the story. Whenever the process has died another takes its place.
func (w *world) tell(j sender.Journal, p *process) (*process, bool) {
	died := false
	alive := func() {
		select {
		case <-p.m.dead:
			died = true
			p.stop()
			p = w.start(j, 0, nil)
		default:
		}
	}
	submit := func(i int) {
		for {
			ctx, end := w.briefly()
			err := p.Submit(ctx, w.intent(i))
			end()
			if err == nil {
				return
			}
			alive()
		}
	}
	w.blocks(1)
	submit(1)
	w.blocks(1)
	alive()
	w.c.SetBaseFee(100)
	submit(2)
	w.blocks(2)
	alive()
	for _, x := range p.of(sender.Signed, "") {
		w.c.Forget(x.Hash)
	}
	submit(3)
	w.blocks(3)
	alive()
	if _, err := w.c.Reorg(2, func(tx *types.Transaction) bool { return tx.Nonce() == 1 }); err != nil {
		w.t.Error(err)
	}
	for range 20 {
		w.blocks(1)
		alive()
	}
	return p, died
}

// seeds are how many random lives are lived: few, or as many as SLUICE_SENDER_SEEDS says.
func seeds(t *testing.T) uint64 {
	s := os.Getenv("SLUICE_SENDER_SEEDS")
	if s == "" {
		return 3
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Everything goes wrong at random: the process is killed at any step, by two or three endpoints answers are lost, refused, old or made
// up, transactions are dropped, blocks replaced, prices jump, intents are taken back. In the end the chain is counted.
func TestEveryIntentOnceOverRandomTrouble(t *testing.T) {
	var total tally
	for seed := range seeds(t) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			bubble(t, func(t *testing.T) { total.add(live(t, rand.New(rand.NewPCG(seed, 7)))) })
		})
	}
	t.Logf("%+v", total)
	if total.Kills == 0 || total.Reorgs == 0 || total.Executed == 0 {
		t.Errorf("not everything happened: %+v", total)
	}
}

type tally struct{ Intents, Executed, Voided, Kills, Reorgs, Replaced, Dropped int }

func (a *tally) add(b tally) {
	a.Intents, a.Executed, a.Voided = a.Intents+b.Intents, a.Executed+b.Executed, a.Voided+b.Voided
	a.Kills, a.Reorgs, a.Replaced, a.Dropped = a.Kills+b.Kills, a.Reorgs+b.Reorgs, a.Replaced+b.Replaced, a.Dropped+b.Dropped
}

// life is one random run.
type life struct {
	*world
	r     *rand.Rand
	j     sender.Memory
	p     *process
	asked []int
	tally tally
}

func live(t *testing.T, r *rand.Rand) tally {
	l := &life{world: newWorld(t, 3), r: r}
	l.begin()
	for i := range 15 + r.IntN(15) {
		l.ask(i)
		for range r.IntN(6) {
			l.trouble()
			l.blocks(r.IntN(3))
			l.revive()
		}
	}
	l.heal()
	for _, i := range l.asked {
		l.judge(i)
	}
	return l.tally
}

// begin starts a process that dies some time, mostly.
func (l *life) begin() {
	at := 0
	if l.r.IntN(4) > 0 {
		at = 1 + l.r.IntN(120)
	}
	l.p = l.start(&l.j, at, generous)
}

// generous leaves every price to the chain.
func generous(c *sender.Config) {
	c.Limits = sender.Limits{MaxFee: evm.Gwei(1_000_000), MaxCost: evm.Gwei(1_000_000_000_000), MaxDay: evm.Gwei(1_000_000_000_000)}
}

func (l *life) revive() {
	select {
	case <-l.p.m.dead:
	default:
		return
	}
	l.tally.Kills++
	l.end()
	l.begin()
}

// end ends a process.
func (l *life) end() {
	l.p.stop()
	seen := map[string]bool{}
	for _, x := range l.p.of(sender.Signed, "") {
		if seen[x.ID] {
			l.tally.Replaced++
		}
		seen[x.ID] = true
	}
}

// ask submits an intent, to as many processes as it takes.
func (l *life) ask(i int) {
	l.asked = append(l.asked, i)
	l.tally.Intents++
	for {
		ctx, end := l.briefly()
		err := l.p.Submit(ctx, l.intent(i))
		end()
		if err == nil {
			return
		}
		l.revive()
	}
}

func (l *life) trouble() {
	n := l.nodes[l.r.IntN(len(l.nodes))]
	switch l.r.IntN(12) {
	case 0:
		n.Refuse(503, l.r.IntN(6))
	case 1:
		n.CutAnswers(l.r.IntN(4))
	case 2:
		n.SetLag(uint64(l.r.IntN(9)))
	case 3:
		n.SetLag(0)
	case 4:
		l.nodes[0].lie(int64(l.r.IntN(7)) - 3)
	case 5:
		l.nodes[0].lie(0)
	case 6, 7:
		l.c.SetBaseFee(20 + int64(l.r.IntN(300)))
	case 8:
		if _, err := l.c.Reorg(1+l.r.IntN(3), func(*types.Transaction) bool { return l.r.IntN(2) == 0 }); err != nil {
			l.t.Error(err)
		}
		l.tally.Reorgs++
	case 9:
		if signed := l.p.of(sender.Signed, ""); len(signed) > 0 && l.c.Forget(signed[l.r.IntN(len(signed))].Hash) {
			l.tally.Dropped++
		}
	case 10:
		ctx, end := l.briefly()
		_ = l.p.Void(ctx, id(l.asked[l.r.IntN(len(l.asked))]), "not wanted") // what a dead process did not hear is wanted
		end()
	case 11:
		l.c.SetBaseFee(30)
	}
}

// heal ends all trouble.
func (l *life) heal() {
	for _, n := range l.nodes {
		n.Refuse(0, 0)
		n.CutAnswers(0)
		n.SetLag(0)
		n.lie(0)
	}
	l.c.SetBaseFee(30)
	l.end()
	l.p = l.start(&l.j, 0, generous)
}

// judge wants an intent to have ended as its result says, by the chain's count.
func (l *life) judge(i int) {
	r := l.p.result(id(i), 300)
	want := int64(0)
	switch r.Outcome {
	case sender.Executed:
		want = 1
		l.tally.Executed++
	case sender.Voided:
		l.tally.Voided++
	default:
		l.t.Errorf("intent %d: outcome %q", i, r.Outcome)
	}
	if got := l.executed(i); got != want {
		l.t.Errorf("intent %d: outcome %q, executed %d times on chain", i, r.Outcome, got)
	}
	if r.Hash != (common.Hash{}) && l.c.Receipt(r.Hash) == nil {
		l.t.Errorf("intent %d: its transaction %s is not in the chain", i, r.Hash)
	}
}
