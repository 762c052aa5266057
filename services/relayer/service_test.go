package relayer

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/evm"
	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
)

// plant is the relayer between a real NATS server and the sandbox's relayer and chain, in virtual time. The executor is one who
// answers that nothing rests.
type plant struct {
	*testing.T
	bubble *actortest.Bubble
	venue  *sandbox.Sandbox
	cfg    Config
	keys   map[string]*countingSigner
	svc    *Service
	stop   func()
	before int64 // what the first account had at the start
}

// inPlant runs a test with the relayer started for accounts of the sandbox. adjust may change the configuration first.
func inPlant(t *testing.T, accounts []string, adjust func(*plant), test func(*plant)) {
	t.Helper()
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		v, err := sandbox.New(sandbox.Config{Chain: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(v.Close)
		pipe := b.Pipe()
		pipe.Serve(v.Handler())
		builder := sandbox.BuilderKeys()[0]
		p := &plant{T: t, bubble: b, venue: v, keys: map[string]*countingSigner{}}
		p.cfg = Config{Env: msgs.Sandbox, Owner: "test", NATS: b.NATS(), Relayer: "http://venue/relayer", HTTP: pipe.Client(), OwnGas: true,
			RPC: []evm.Endpoint{{Name: "sandbox", URL: "http://venue/rpc"}}}
		for _, name := range accounts {
			who, key := identityOf(t, name)
			p.keys[name] = &countingSigner{Key: key}
			p.cfg.Accounts = append(p.cfg.Accounts, Account{Name: who.Account, Key: p.keys[name], Kind: who.Kind, Wallet: who.Wallet,
				Auth: polymarket.BuilderCredentials{Key: builder.Key, Secret: polymarket.Secret(builder.Secret), Passphrase: polymarket.Secret(builder.Passphrase)}})
		}
		if testing.Verbose() {
			p.cfg.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
		}
		if adjust != nil {
			adjust(p)
		}
		var names []msgs.Account
		for _, a := range p.cfg.Accounts {
			names = append(names, a.Name)
			p.restsNothing(a.Name)
		}
		if err := actor.EnsureStreams(t.Context(), b.JetStream(), 1, names...); err != nil {
			t.Fatal(err)
		}
		p.facts()
		p.before = p.cash()
		p.start()
		time.Sleep(time.Second)
		if err := p.svc.Ready(); err != nil {
			t.Fatal(err)
		}
		test(p)
		p.stop()
	})
}

// cash is what the first account's wallet has by the chain itself.
func (p *plant) cash() int64 {
	return p.venue.OnChain().PUSD(p.cfg.Accounts[0].Wallet).Int64()
}

// restsNothing answers for the executor.
func (p *plant) restsNothing(a msgs.Account) {
	p.Helper()
	sub, err := p.bubble.NATS().Subscribe(msgs.SvcSubject("executor", a, "orders"), func(m *nats.Msg) { _ = m.Respond([]byte(`{"n":1,"orders":[],"next":""}`)) })
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { _ = sub.Unsubscribe() })
}

func (p *plant) start() {
	p.Helper()
	svc, err := New(p.cfg)
	if err != nil {
		p.Fatal(err)
	}
	p.svc = svc
	ctx, cancel := context.WithCancel(p.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := svc.Run(ctx); err != nil {
			p.Errorf("run: %v", err)
		}
	})
	p.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	p.Cleanup(p.stop)
}

// facts says what ingest says of the venue's markets.
func (p *plant) facts() {
	p.Helper()
	for _, m := range sandbox.Markets() {
		f := msgs.Market{V: 1, ConditionID: msgs.ConditionID(m.ConditionID), Slug: m.Slug, TickSize: m.TickSize, MinSize: 5 * money.Unit, NegRisk: m.NegRisk,
			Domain: "2", Accepting: true, AtMS: time.Now().UnixMilli()}
		for i, token := range m.Tokens {
			f.Tokens = append(f.Tokens, msgs.MarketToken{TokenID: msgs.TokenID(token), Outcome: []string{"Yes", "No"}[i]})
		}
		b, err := json.Marshal(f)
		if err != nil {
			p.Fatal(err)
		}
		if _, err := p.bubble.JetStream().Publish(p.Context(), msgs.MDSubject(venue, "market", m.ConditionID), b); err != nil {
			p.Fatal(err)
		}
	}
}

// send publishes a command. text is the JSON with ' for ".
func (p *plant) send(account, verb, text string) {
	p.Helper()
	if _, err := p.bubble.JetStream().Publish(p.Context(), msgs.CmdSubject(msgs.FamilyTx, msgs.Account(account), verb), []byte(strings.ReplaceAll(text, "'", `"`))); err != nil {
		p.Fatal(err)
	}
}

func (p *plant) condition(negRisk bool) string {
	for _, m := range sandbox.Markets() {
		if m.NegRisk == negRisk {
			return m.ConditionID
		}
	}
	p.Fatal("no such market")
	return ""
}

// events are all that the account's wallet has written.
func (p *plant) events(account string) (out []msgs.Event) {
	p.Helper()
	js := p.bubble.JetStream()
	stream, err := js.Stream(p.Context(), msgs.LogStream(msgs.Account(account)))
	if err != nil {
		p.Fatal(err)
	}
	for seq := uint64(0); ; {
		m, err := stream.GetMsg(p.Context(), seq+1, jetstream.WithGetMsgSubject(msgs.EvtSubject(msgs.FamilyTx, msgs.Account(account))))
		if err != nil {
			return out
		}
		seq = m.Sequence
		envelope, err := msgs.DecodeEnvelope(m.Data)
		if err != nil {
			p.Fatal(err)
		}
		out = append(out, envelope.Events...)
	}
}

// final waits for the last word about a request.
func (p *plant) final(account, request string) msgs.Event {
	p.Helper()
	for range 600 {
		for _, e := range p.events(account) {
			switch e := e.(type) {
			case *msgs.TxConfirmed:
				if e.ReqID == request {
					return e
				}
			case *msgs.TxFailed:
				if e.ReqID == request {
					return e
				}
			}
		}
		time.Sleep(2 * time.Second)
	}
	var story []string
	for _, e := range p.events(account) {
		b, _ := json.Marshal(e)
		story = append(story, string(b))
	}
	p.Fatalf("request %s of %s does not end:\n%s", request, account, strings.Join(story, "\n"))
	return nil
}

func (p *plant) confirmed(account, request string) *msgs.TxConfirmed {
	p.Helper()
	e := p.final(account, request)
	c, ok := e.(*msgs.TxConfirmed)
	if !ok {
		b, _ := json.Marshal(e)
		p.Fatalf("request %s of %s ends with %s", request, account, b)
	}
	return c
}

// TestSplitIsCarriedForEveryKindOfWallet asks each kind of wallet for a split: it is confirmed with its effect, by the relayer where
// it serves the kind, by the owner else.
func TestSplitIsCarriedForEveryKindOfWallet(t *testing.T) {
	all := []string{"main", "proxy", "deposit", "eoa"}
	inPlant(t, all, nil, func(p *plant) {
		for _, a := range all {
			p.send(a, "split", fmt.Sprintf(`{'v':1,'request_id':'s1','condition_id':'%s','amount':'25','urgency':'high'}`, p.condition(false)))
		}
		for _, a := range all {
			want := msgs.ByRelayer
			if a == "eoa" {
				want = msgs.ByOwnGas
			}
			if c := p.confirmed(a, "s1"); c.Effect["pUSD"] != -25*money.Unit || c.Carrier != want || !c.Final || c.TxHash == "" {
				p.Errorf("%s: %+v", a, c)
			}
		}
	})
}
