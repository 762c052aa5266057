package relay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/rpc"

	"sluice/pkg/msgs"
	"sluice/pkg/sandbox"
	"sluice/pkg/sandbox/chain"
	"sluice/pkg/sandbox/judge"
)

// holdings are what a wallet has of each asset, in base units.
type holdings map[string]*big.Int

// stranger is a client of the chain that knows nothing of the product.
func (p *plant) stranger() *ethclient.Client {
	p.t.Helper()
	c, err := rpc.DialOptions(p.t.Context(), "http://venue/rpc", rpc.WithHTTPClient(p.pipe.Client()))
	if err != nil {
		p.t.Fatal(err)
	}
	return ethclient.NewClient(c)
}

// holds asks the contracts by eth_call what an account's wallet has: money, the tokens of every market, and further ones.
func (p *plant) holds(account string, tokens ...string) holdings {
	p.t.Helper()
	client, at, wallet := p.stranger(), chain.Polygon(), common.HexToAddress(accountOf(p.t, account).Funder)
	defer client.Close()
	out := holdings{}
	ask := func(asset string, to common.Address, contract, function string, args ...any) {
		data, err := chain.Interface(contract).Pack(function, args...)
		if err != nil {
			p.t.Fatal(err)
		}
		answer, err := client.CallContract(p.t.Context(), ethereum.CallMsg{To: &to, Data: data}, nil)
		if err != nil {
			p.t.Fatalf("%s of %s: %v", asset, account, err)
		}
		out[asset] = new(big.Int).SetBytes(answer)
	}
	ask("pUSD", at.PUSD, "Token", "balanceOf", wallet)
	ask("USDC.e", at.USDCe, "Token", "balanceOf", wallet)
	for _, m := range sandbox.Markets() {
		tokens = append(tokens, m.Tokens[:]...)
	}
	for _, token := range tokens {
		id, good := new(big.Int).SetString(token, 10)
		if !good {
			p.t.Fatalf("%q is no token", token)
		}
		ask(token, at.CTF, "ConditionalTokens", "balanceOf", wallet, id)
	}
	return out
}

// changed is by how much a wallet has changed since the start, without what has not. Of tokens of no market there was nothing.
func (p *plant) changed(account string, tokens ...string) map[string]int64 {
	p.t.Helper()
	out := map[string]int64{}
	for asset, now := range p.holds(account, tokens...) {
		was := p.began[account][asset]
		if was == nil {
			was = new(big.Int)
		}
		if d := new(big.Int).Sub(now, was); d.Sign() != 0 {
			out[asset] = d.Int64()
		}
	}
	return out
}

// told is the sum of what was told as confirmed, by asset, without what comes to nothing.
func (p *plant) told(account string) map[string]int64 {
	p.t.Helper()
	sum := map[string]*big.Rat{}
	for _, e := range p.of(account, "tx.confirmed", "") {
		for asset, text := range e.Effect {
			n, good := new(big.Rat).SetString(text)
			if !good {
				p.t.Fatalf("an effect of %q in %s", text, e.Raw)
			}
			if sum[asset] == nil {
				sum[asset] = new(big.Rat)
			}
			sum[asset].Add(sum[asset], n.Mul(n, big.NewRat(dollar, 1)))
		}
	}
	out := map[string]int64{}
	for asset, n := range sum {
		if !n.IsInt() {
			p.t.Errorf("%s of %s is no whole number of base units", n, asset)
		}
		if n.Sign() != 0 && asset != "POL" {
			out[asset] = n.Num().Int64()
		}
	}
	return out
}

// dollar is one of pUSD, USDC.e and outcome tokens in base units.
const dollar = 1_000_000

// balance holds what each wallet has against what was told.
func (p *plant) balance() {
	p.t.Helper()
	for _, a := range p.cfg.accounts {
		told := p.told(a)
		tokens := slices.DeleteFunc(slices.Collect(maps.Keys(told)), func(asset string) bool { return asset == "pUSD" || asset == "USDC.e" })
		if have := p.changed(a, tokens...); !maps.Equal(told, have) {
			p.t.Errorf("%s was told of %v, its wallet has changed by %v", a, told, have)
		}
	}
}

// recordLine is one stored message, as the judge reads it.
type recordLine struct {
	Stream   string              `json:"stream"`
	Subject  string              `json:"subject"`
	Seq      uint64              `json:"seq"`
	StoredUS int64               `json:"stored_us"`
	Headers  map[string][]string `json:"headers,omitempty"`
	Data     string              `json:"data"`
}

// record reads every stream of the accounts, and the one of what nobody could take.
func (p *plant) record() (out []recordLine) {
	p.t.Helper()
	names := []string{msgs.DeadStream, msgs.QuotaStream}
	for _, a := range p.cfg.accounts {
		names = append(names, msgs.AskStream(msgs.Account(a)), msgs.LogStream(msgs.Account(a)))
	}
	for _, name := range names {
		for m := range p.stored(name) {
			out = append(out, recordLine{name, m.Subject, m.Sequence, m.Time.UnixMicro(), m.Header, string(m.Data)})
		}
	}
	return out
}

// judged is what the judge of work finds.
func (p *plant) judged() judge.Work {
	p.t.Helper()
	var transfers, commands bytes.Buffer
	for after := int64(0); ; {
		page := p.venue.Transfers(after, 0)
		if len(page) == 0 {
			break
		}
		for _, l := range page {
			p.encode(&transfers, l)
		}
		after = page[len(page)-1].Seq
	}
	for _, l := range p.record() {
		p.encode(&commands, l)
	}
	v, err := judge.JudgeWork(bytes.NewReader(bytes.Join(p.venue.Journal(0), nil)), &transfers, &commands, judge.Options{})
	if err != nil {
		p.t.Fatal(err)
	}
	return v
}

func (p *plant) encode(to *bytes.Buffer, v any) {
	p.t.Helper()
	if err := json.NewEncoder(to).Encode(v); err != nil {
		p.t.Fatal(err)
	}
}

// check is the end of every test: the judge of work, the balances, the schemas.
func (p *plant) check() {
	p.t.Helper()
	v := p.judged()
	if !maps.Equal(v.Wrong, p.cfg.wrong) {
		p.t.Errorf("the judge finds %v, want %v", v.Wrong, p.cfg.wrong)
		for _, f := range v.Findings {
			p.t.Logf("%s %s: %s", f.Kind, f.Account, f.Why)
		}
	}
	p.balance()
	checked := 0
	for _, l := range p.record() {
		if l.Stream == msgs.QuotaStream {
			continue // read by its keepers alone
		}
		err := p.valid.CheckSubject(l.Subject, []byte(l.Data))
		if p.unlawful[fmt.Sprintf("%s:%d", l.Stream, l.Seq)] {
			if err == nil {
				p.t.Errorf("%s:%d on %s is accepted: %s", l.Stream, l.Seq, l.Subject, l.Data)
			}
		} else if err != nil {
			p.t.Errorf("%s:%d on %s: %v\n%s", l.Stream, l.Seq, l.Subject, err, l.Data)
		}
		checked++
	}
	if checked == 0 {
		p.t.Error("nothing was said that could be held against a schema")
	}
}

// line is a line of the venue's journal, as far as tests ask.
type line struct {
	Kind    string `json:"kind"`
	Method  string `json:"method"`
	Path    string `json:"path"`
	Account string `json:"account"`
	Body    string `json:"body"`
	State   string `json:"state"`
	Carrier string `json:"carrier"`
	TxHash  string `json:"tx_hash"`
	Key     string `json:"key"`
	OK      bool   `json:"ok"`
	GasWei  string `json:"gas_wei"`
	Request int64  `json:"request"`
}

// journal lists the venue's lines of a kind.
func (p *plant) journal(kind string) (out []line) {
	p.t.Helper()
	for _, b := range p.venue.Journal(0) {
		var k struct{ Kind string }
		if err := json.Unmarshal(b, &k); err != nil {
			p.t.Fatal(err)
		}
		if k.Kind != kind {
			continue
		}
		var l line
		if err := json.Unmarshal(b, &l); err != nil {
			p.t.Fatalf("%v in %s", err, b)
		}
		out = append(out, l)
	}
	return out
}

// units is how many units the venue has charged.
func (p *plant) units() int { p.t.Helper(); return len(p.journal("charge")) }

// submits is how many submissions have arrived at the relayer.
func (p *plant) submits() (n int) {
	p.t.Helper()
	for _, l := range p.journal("request") {
		if l.Method == "POST" && l.Path == "/relayer/submit" {
			n++
		}
	}
	return n
}
