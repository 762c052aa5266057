package relayer

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"sluice/pkg/evm"
	"sluice/pkg/evm/sender"
	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
)

// stranger is nobody whom any configuration lists.
const stranger = "0x6666666666666666666666666666666666666666"

// TestForbiddenCommandsMakeNoSignature publishes, with all the rights of the bus, what no message may bring about: money and
// positions to addresses that are not listed, by any spelling, permissions and calls of the sender's choice. Each is refused
// or put aside, and no key has signed anything.
func TestForbiddenCommandsMakeNoSignature(t *testing.T) {
	all := []string{"main", "proxy", "deposit", "eoa"}
	listed := "0x7777777777777777777777777777777777777777"
	inPlant(t, all, func(p *plant) {
		for i := range p.cfg.Accounts {
			p.cfg.Accounts[i].SendTo = []polymarket.Address{address(listed)}
		}
	}, func(p *plant) {
		token := sandbox.Markets()[0].Tokens[0]
		forbidden := []struct{ verb, text string }{
			{"transfer", `'asset':'pUSD','amount':'1','to':'` + stranger + `'`},
			{"transfer", `'asset':'pUSD','amount':'max','to':'` + stranger + `','allow_held':true`},
			{"transfer", `'asset':'USDC.e','amount':'1','to':'` + stranger + `'`},
			{"transfer", `'asset':'POL','amount':'1','to':'` + stranger + `'`},
			{"transfer", `'token_id':'` + token + `','amount':'1','to':'` + stranger + `'`},
			{"transfer", `'asset':'pUSD','amount':'1','to':'0x0000000000000000000000000000000000000000'`},
			{"transfer", `'asset':'pUSD','amount':'1','to':'` + listed[:40] + `78'`},
			{"transfer", `'asset':'pUSD','amount':'1','to':'` + listed + `','To':'` + stranger + `'`},
			{"transfer", `'asset':'pUSD','amount':'1','to':'` + stranger + `','send_to':['` + stranger + `']`},
			{"transfer", `'asset':'` + stranger + `','amount':'1','to':'` + listed + `'`},
			{"approve", `'set':'everything'`},
			{"approve", `'set':'trading','spender':'` + stranger + `'`},
			{"split", `'condition_id':'` + p.condition(false) + `','amount':'1','wallet':'` + stranger + `'`},
			{"split", `'condition_id':'` + p.condition(false) + `','amount':'-1'`},
			{"split", `'condition_id':'` + p.condition(false) + `','amount':'1','calls':[{'to':'` + stranger + `','data':'0x01'}]`},
			{"wrap", `'amount':'1','to':'` + stranger + `'`},
			{"unwrap", `'amount':'1','to':'` + stranger + `'`},
			{"deploy", `'owner':'` + stranger + `'`},
		}
		for _, a := range all {
			for i, f := range forbidden {
				p.send(a, f.verb, fmt.Sprintf(`{'v':1,'request_id':'f%d','urgency':'high',%s}`, i, f.text))
			}
		}
		time.Sleep(5 * time.Minute)
		for _, a := range all {
			for i, f := range forbidden {
				if e := p.last(a, fmt.Sprintf("f%d", i)); e == nil {
					p.Errorf("%s: %s %s: no word about it", a, f.verb, f.text)
				} else if _, failed := e.(*msgs.TxFailed); !failed {
					p.Errorf("%s: %s %s: %s", a, f.verb, f.text, e.Kind())
				}
			}
			if n := p.keys[a].made.Load(); n != 0 {
				p.Errorf("%s: %d signatures were made", a, n)
			}
		}
		if n := len(p.venue.Relayed()); n != 0 {
			p.Errorf("the relayer was asked for %d transactions", n)
		}
	})
}

func address(text string) polymarket.Address {
	a, err := polymarket.ParseAddress(text)
	if err != nil {
		panic(err)
	}
	return a
}

// last is the final word about a request, nil for none.
func (p *plant) last(account, request string) (last msgs.Event) {
	p.Helper()
	for _, e := range p.events(account) {
		if h := msgs.HeadOf(e); h.ReqID == request {
			last = e
		}
	}
	return last
}

// TestListedAddressReceives is the other side: what the configuration lists is signed, and arrives.
func TestListedAddressReceives(t *testing.T) {
	inPlant(t, []string{"main", "second"}, func(p *plant) { p.cfg.Accounts[0].SendTo = []polymarket.Address{p.cfg.Accounts[1].Wallet} }, func(p *plant) {
		p.send("main", "transfer", fmt.Sprintf(`{'v':1,'request_id':'t1','asset':'pUSD','amount':'3','to':'%s','urgency':'high'}`, p.cfg.Accounts[1].Wallet.Hex()))
		if c := p.confirmed("main", "t1"); c.Effect["pUSD"] != -3*money.Unit || p.keys["main"].made.Load() == 0 {
			p.Errorf("confirmed %+v", c)
		}
	})
}

// TestRelayerWithoutAnythingStartsAndSaysWhatItWaitsFor has no endpoint, no relayer and no gas: it is ready, and a request is told to
// wait, for what, and what would help.
func TestRelayerWithoutAnythingStartsAndSaysWhatItWaitsFor(t *testing.T) {
	for name, bare := range map[string]struct {
		adjust func(*plant)
		says   string
	}{
		"no endpoint":            {func(p *plant) { p.cfg.RPC = nil }, "RPC"},
		"no credentials, no gas": {func(p *plant) { p.cfg.OwnGas, p.cfg.Accounts[0].Auth = false, nil }, "own gas"},
		"nothing":                {func(p *plant) { p.cfg.RPC, p.cfg.Relayer, p.cfg.OwnGas, p.cfg.Accounts[0].Auth = nil, "", false, nil }, "RPC"},
	} {
		t.Run(name, func(t *testing.T) {
			inPlant(t, []string{"main"}, bare.adjust, func(p *plant) {
				p.send("main", "split", fmt.Sprintf(`{'v':1,'request_id':'s1','condition_id':'%s','amount':'5','urgency':'high'}`, p.condition(false)))
				time.Sleep(time.Minute)
				waits := 0
				for _, e := range p.events("main") {
					if w, ok := e.(*msgs.TxWaiting); ok {
						waits++
						if !strings.Contains(w.Cause+w.Fix, bare.says) || w.Fix == "" {
							p.Errorf("it waits because %q, fix %q", w.Cause, w.Fix)
						}
					}
				}
				if waits == 0 || waits > 5 {
					p.Errorf("it was told %d times that it waits: %v", waits, p.kinds("main"))
				}
			})
		})
	}
}

func (p *plant) kinds(account string) (out []string) {
	for _, e := range p.events(account) {
		out = append(out, string(e.Kind()))
	}
	return out
}

// TestWorkGoesByOwnGasWhenTheRelayerIsDown: a Safe's unit is brought by its owner, with the effect that was asked for, and told so.
func TestWorkGoesByOwnGasWhenTheRelayerIsDown(t *testing.T) {
	inPlant(t, []string{"main"}, nil, func(p *plant) {
		p.venue.SetFaults(func(f *sandbox.Faults) { f.RelayerDown = true })
		p.send("main", "split", fmt.Sprintf(`{'v':1,'request_id':'s1','condition_id':'%s','amount':'5','urgency':'high'}`, p.condition(false)))
		if c := p.confirmed("main", "s1"); c.Carrier != msgs.ByOwnGas || c.Effect["pUSD"] != -5*money.Unit || c.GasPOL == "" || c.GasPOL == "0" {
			p.Errorf("confirmed %+v", c)
		}
	})
}

// TestRestartAtAnyMomentExecutesOnce stops the relayer after each of the first seconds of a unit's life and starts it again: the request
// is confirmed once, and the wallet has paid once.
func TestRestartAtAnyMomentExecutesOnce(t *testing.T) {
	step := 3900 * time.Millisecond
	if os.Getenv("SLUICE_RELAYER_RESTARTS") != "" { // more of them
		step = 300 * time.Millisecond
	}
	for _, account := range []string{"main", "eoa"} {
		for after := 500 * time.Millisecond; after < 9*time.Second; after += step {
			t.Run(fmt.Sprint(account, " ", after), func(t *testing.T) {
				inPlant(t, []string{account}, nil, func(p *plant) {
					p.send(account, "split", fmt.Sprintf(`{'v':1,'request_id':'s1','condition_id':'%s','amount':'5','urgency':'high'}`, p.condition(false)))
					time.Sleep(after)
					p.stop()
					p.start()
					p.confirmed(account, "s1")
					time.Sleep(time.Minute)
					if got := p.cash(); got != p.before-5*money.Unit {
						p.Errorf("the wallet paid %d", p.before-got)
					}
				})
			})
		}
	}
}

// TestQuestionsAreAnswered asks where a request stands and how the book of units does.
func TestQuestionsAreAnswered(t *testing.T) {
	inPlant(t, []string{"main"}, func(p *plant) { p.cfg.Metrics = prometheus.NewRegistry() }, func(p *plant) {
		inbox := nats.NewInbox()
		copies, err := p.bubble.NATS().SubscribeSync(inbox)
		if err != nil {
			p.Fatal(err)
		}
		m := nats.NewMsg(msgs.CmdSubject(msgs.FamilyTx, "main", "split"))
		m.Header.Set(msgs.HeaderReplyTo, inbox)
		m.Data = []byte(strings.ReplaceAll(fmt.Sprintf(`{'v':1,'request_id':'s1','condition_id':'%s','amount':'5','urgency':'high'}`, p.condition(false)), "'", `"`))
		if _, err := p.bubble.JetStream().PublishMsg(p.Context(), m); err != nil {
			p.Fatal(err)
		}
		p.confirmed("main", "s1")
		var a msgs.TxAnswer
		p.ask("request", `{"request_id":"s1"}`, &a)
		if a.RequestID != "s1" || a.Last != msgs.KindTxConfirmed || !a.Final || a.TxHash == "" {
			p.Errorf("answer %+v", a)
		}
		var refused msgs.ErrorReply
		p.ask("request", `{"request_id":"another"}`, &refused)
		if refused.Error == nil || refused.Error.Code != msgs.NotFound || refused.Error.Fix == "" {
			p.Errorf("answer about an unknown request %+v", refused.Error)
		}
		var q msgs.QuotaAnswer
		p.ask("quota", "", &q)
		if q.Used != 1 || q.Limit != 100 || q.Reserved != 0 {
			p.Errorf("quota %+v", q)
		}
		var heard []string
		for {
			c, err := copies.NextMsg(time.Millisecond)
			if err != nil {
				break
			}
			e, err := msgs.DecodeEvent(c.Data)
			if err != nil {
				p.Fatal(err)
			}
			heard = append(heard, string(e.Kind()))
		}
		if len(heard) < 4 || heard[0] != string(msgs.KindTxQueued) || heard[len(heard)-1] != string(msgs.KindTxConfirmed) {
			p.Errorf("the inbox heard %v", heard)
		}
	})
}

func (p *plant) ask(verb, question string, into any) {
	p.Helper()
	m, err := p.bubble.NATS().Request(msgs.SvcSubject(serviceName, "main", verb), []byte(question), time.Second)
	if err != nil {
		p.Fatal(err)
	}
	if err := json.Unmarshal(m.Data, into); err != nil {
		p.Fatal(err)
	}
}

// TestEverythingWrongWithAConfigurationIsListed at once.
func TestEverythingWrongWithAConfigurationIsListed(t *testing.T) {
	_, key := identityOf(t, "main")
	cfg := Config{Env: "moon", Relayer: "ftp://x", RPC: []evm.Endpoint{{Name: "a", URL: "nothing"}}, Replicas: 9, OwnGas: true,
		Gas: sender.Limits{MaxFee: evm.Gwei(1)},
		Accounts: []Account{{Name: "all", Key: key, Kind: polymarket.Safe}, {Name: "b", Kind: 9}, {Name: "b", Key: key, Kind: polymarket.Proxy, Wallet: polymarket.Address{1}},
			{Name: "c", Key: key, Kind: polymarket.EOA, Wallet: polymarket.Address{1}}, {Name: "d", Key: key, Kind: polymarket.Deposit, Wallet: polymarket.Address{1}}}}
	err := cfg.Check()
	if err == nil {
		t.Fatal("nothing is wrong")
	}
	for _, want := range []string{`env "moon"`, `relayer "ftp://x"`, "RPC endpoint 1", "no nats connection", "replicas 9", `account "all"`, "needs its address", "no key", "wallet kind 9",
		`"b" is named twice`, "not the proxy wallet", "of an eoa is the key's own account", "not a deposit wallet", "have one key", "highest price of gas"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %q:\n%v", want, err)
		}
	}
}

// TestPlaceIsTakenOverByASpare starts a second relayer: it waits; when the first ends it goes on with what that has left.
func TestPlaceIsTakenOverByASpare(t *testing.T) {
	inPlant(t, []string{"main"}, nil, func(p *plant) {
		first := p.stop
		p.cfg.Owner = "spare"
		p.start()
		time.Sleep(5 * time.Second)
		if why := *p.svc.desks[0].state.Load(); why != deskSpare || p.svc.Ready() != nil {
			p.Fatalf("the second is %s, %v", why, p.svc.Ready())
		}
		p.send("main", "split", fmt.Sprintf(`{'v':1,'request_id':'s1','condition_id':'%s','amount':'5','urgency':'high'}`, p.condition(false)))
		time.Sleep(1500 * time.Millisecond)
		first()
		p.confirmed("main", "s1")
		time.Sleep(time.Minute)
		if got := p.cash(); got != p.before-5*money.Unit {
			p.Errorf("the wallet paid %d", p.before-got)
		}
	})
}
