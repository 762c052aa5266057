package relay

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/core/types"

	"sluice/pkg/sandbox"
)

// lives is how many random lives are lived without SLUICE_RELAY_SEEDS.
const lives = 1

// Whatever goes wrong with the relayer, its answers, its quota, the chain, its nodes, the bus and the process, at random: each
// request comes to one end, what is confirmed was executed once, and every wallet has what was told.
func TestAnythingGoesWrong(t *testing.T) {
	for _, seed := range seeds(t) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			inPlant(t, setup{accounts: []string{"main", "proxy", "deposit", "eoa"}, sandbox: sandbox.Config{Seed: seed}}, func(p *plant) {
				l := &life{plant: p, rng: rand.New(rand.NewPCG(seed, 5)), asked: map[string][]string{}, done: map[string]int{}}
				l.live()
				t.Log(l.summary())
			})
		})
	}
}

func seeds(t *testing.T) (out []uint64) {
	number := func(name string) (uint64, bool) {
		text := os.Getenv(name)
		if text == "" {
			return 0, false
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("%s=%s: %v", name, text, err)
		}
		return n, true
	}
	if one, set := number("SLUICE_RELAY_SEED"); set {
		return []uint64{one}
	}
	n, set := number("SLUICE_RELAY_SEEDS")
	if !set {
		n = lives
	}
	for i := range n {
		out = append(out, i+1)
	}
	return out
}

// life is one random life of a plant.
type life struct {
	*plant
	rng   *rand.Rand
	asked map[string][]string // ids by account
	done  map[string]int      // troubles by name
}

const (
	// commands is how many requests a life has, for all accounts together.
	commands = 60
	// apart is the most time between two of them.
	apart = 40 * time.Second
)

func (l *life) live() {
	l.weather()
	for i := range commands {
		l.command(i)
		if l.rng.IntN(3) == 0 {
			l.trouble()
		}
		l.pass(time.Duration(l.rng.Int64N(int64(apart))))
	}
	l.mend()
	var left []string
	for end := time.Now().Add(3 * time.Hour); time.Now().Before(end); l.pass(maxStep) {
		if left = l.open(); len(left) == 0 {
			break
		}
	}
	for _, name := range left {
		account, id, _ := strings.Cut(name, "/")
		for _, e := range l.of(account, "", id) {
			l.t.Logf("%s %s %.500s", e.Stored.Format("15:04:05"), name, e.Raw)
		}
		l.t.Errorf("%s has no end", name)
	}
	l.pass(10 * time.Minute) // whatever is late comes meanwhile
}

// open are the requests without an end.
func (l *life) open() (out []string) {
	for _, a := range l.cfg.accounts {
		over := map[string]bool{}
		for _, e := range l.log(a) {
			over[e.RequestID] = over[e.RequestID] || e.Type == "tx.confirmed" || e.Type == "tx.failed" || e.Type == "tx.dropped"
		}
		for _, id := range l.asked[a] {
			if !over[id] {
				out = append(out, a+"/"+id)
			}
		}
	}
	return out
}

// weather makes the relayer unreliable.
func (l *life) weather() {
	chance := func(most int) int { return l.rng.IntN(most + 1) }
	l.venue.SetFaults(func(f *sandbox.Faults) {
		f.DropAnswer = sandbox.Fault{PerMille: chance(150), On: "POST /relayer/submit"}
		f.LoseRequest = sandbox.Fault{PerMille: chance(100), On: "POST /relayer/submit"}
		f.HTMLError = sandbox.Fault{PerMille: chance(50), On: "POST /relayer/submit"}
		f.RelayLate.PerMille, f.RelayFailed.PerMille = chance(150), chance(100)
		f.RelayLateMS, f.WalletBusy.PerMille, f.StaleNonce.PerMille = l.rng.Int64N(90_000), chance(60), chance(100)
		f.QuotaGone.PerMille, f.QuotaResetS = chance(80), l.rng.Int64N(600)
		f.SkipPrecheck, f.PrecheckAtOnce = l.rng.IntN(2) == 0, l.rng.IntN(3) == 0
	})
}

// command asks for something at random, mostly for what can be done.
func (l *life) command(i int) {
	account := l.cfg.accounts[l.rng.IntN(len(l.cfg.accounts))]
	amount := fmt.Sprintf("%d.%02d", 1+l.rng.IntN(20), l.rng.IntN(100))
	condition := []string{"coin", "election"}[l.rng.IntN(2)]
	verb, body := "split", quoted("'condition_id':'%s','amount':'%s'", condition, amount)
	switch n := l.rng.IntN(20); {
	case n < 5:
	case n < 9:
		verb = "merge"
	case n < 12:
		verb, body = "wrap", quoted("'amount':'%s'", amount)
	case n < 14:
		verb, body = "unwrap", quoted("'amount':'%s'", amount)
	case n < 16:
		verb, body = "transfer", quoted("'asset':'pUSD','amount':'%s','to':'%s'", amount, friend().Hex())
	case n < 17:
		verb, body = "transfer", quoted("'token_id':'%s','amount':'%s','to':'%s'", market(l.t, coin).Tokens[l.rng.IntN(2)], amount, friend().Hex())
	case n < 18:
		verb, body = "approve", quoted("'set':'trading'")
	case n < 19:
		verb, body = "convert", quoted("'condition_id':'election','amount':'%s'", amount)
	default:
		verb, body = "split", quoted("'condition_id':'%s','amount':'500000'", condition) // nobody has that much
	}
	switch l.rng.IntN(6) {
	case 0, 1, 2:
		body += quoted(",'urgency':'high'")
	case 3:
		body += quoted(",'deadline_ms':%d", time.Now().Add(time.Duration(30+l.rng.IntN(600))*time.Second).UnixMilli())
	case 4:
		body += quoted(",'urgency':'low'")
	}
	id := fmt.Sprintf("r-%d", i)
	l.asked[account] = append(l.asked[account], id)
	l.askAs(account, verb, id, "%s", body)
	if l.rng.IntN(8) == 0 {
		l.askAs(account, verb, id, "%s", body) // again, as who is not sure does
	}
	if l.rng.IntN(10) == 0 {
		l.pass(time.Duration(l.rng.IntN(4000)) * time.Millisecond)
		l.askAs(account, "cancel", "cancel-"+id, "'cancels':'%s'", id)
		l.asked[account] = append(l.asked[account], "cancel-"+id)
	}
}

// trouble is one of the things that happen now and then.
func (l *life) trouble() {
	all := map[string]func(){
		"weather": l.weather,
		"killed": func() {
			l.last().Kill()
			l.pass(time.Duration(l.rng.IntN(20_000)) * time.Millisecond)
			l.start()
		},
		"stopped": func() {
			l.last().Stop()
			l.start()
		},
		"relayer down": func() {
			l.venue.SetFaults(func(f *sandbox.Faults) { f.RelayerDown = true })
			l.pass(time.Duration(l.rng.IntN(120)) * time.Second)
			l.venue.SetFaults(func(f *sandbox.Faults) { f.RelayerDown = false })
		},
		"reorganised": func() { l.must(l.venue.Reorganise(1 + l.rng.IntN(3))) },
		"gas dear":    func() { l.must(l.venue.SetBaseFee(300)) },
		"gas cheap":   func() { l.must(l.venue.SetBaseFee(30)) },
		"node lags":   func() { l.node().SetLag(uint64(l.rng.IntN(8))) },
		"node down":   func() { l.node().Refuse(503, 20+l.rng.IntN(100)) },
		"node cuts":   func() { l.node().CutAnswers(1 + l.rng.IntN(5)) },
		"node loses":  func() { l.node().LoseTransactions(1 + l.rng.IntN(3)) },
		"forgotten": func() {
			for _, tx := range l.waiting() {
				_ = l.venue.ForgetTransaction(tx.Hash()) // it may be in a block by now
			}
		},
		"bus restarts": func() {
			l.b.Restart()
			l.pass(time.Second)
		},
	}
	name := slices.Sorted(maps.Keys(all))[l.rng.IntN(len(all))]
	l.done[name]++
	all[name]()
}

func (l *life) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// node is one of the three that serve the chain.
func (l *life) node() interface {
	SetLag(uint64)
	Refuse(int, int)
	CutAnswers(int)
	LoseTransactions(int)
} {
	return l.venue.Node(1 + l.rng.IntN(3))
}

// waiting are the transactions that are in no block.
func (l *life) waiting() []*types.Transaction { return l.venue.OnChain().Waiting() }

// mend ends all trouble.
func (l *life) mend() {
	l.venue.SetFaults(func(f *sandbox.Faults) { *f = sandbox.Faults{} })
	l.must(l.venue.SetBaseFee(30))
	for n := range 3 {
		node := l.venue.Node(n + 1)
		node.SetLag(0)
		node.Refuse(0, 0)
		node.CutAnswers(0)
		node.LoseTransactions(0)
	}
}

func (l *life) summary() string {
	ends := map[string]int{}
	for _, a := range l.cfg.accounts {
		for _, e := range l.log(a) {
			if e.Final {
				what := e.Type
				if e.Error != nil {
					what += " " + string(e.Error.Code)
				}
				ends[what]++
			}
		}
	}
	v := l.judged()
	return fmt.Sprintf("%d by the relayer, %d by own gas, %d lost races, units %v; ends %v; troubles %v", v.ByRelayer, v.ByOwnGas, v.LostRaces, v.Units, ends, l.done)
}
