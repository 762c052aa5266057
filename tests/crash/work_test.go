package crash

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/big"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/msgs"
	"sluice/pkg/sandbox"
	"sluice/pkg/sandbox/chain"
	"sluice/pkg/sandbox/judge"
	"sluice/services/relayer"
)

const (
	// shortWorkKills is a run without SLUICE_WORK_KILLS.
	shortWorkKills = 4
	// workDepth is the most times that a point is passed before the kill.
	workDepth = 3
	// workEnds is how long the work of a campaign may take to come to its ends when the kills are over.
	workEnds = 3 * time.Minute
	// minedEvery is how often the campaign makes a block: ten times as often as Polygon.
	minedEvery = 200 * time.Millisecond
)

// workers are the accounts that a campaign asks for: a wallet of each kind, and a second Safe.
func workers() []string { return []string{"main", "eoa", "proxy", "deposit", "second"} }

// workPoints are all at which a relayer can be killed. Its actor has no limiter, so that no permit is ever waited for.
func workPoints() []string {
	return slices.DeleteFunc(relayer.Points(), func(p string) bool { return strings.HasSuffix(p, "-permit") })
}

// TestRelayerCrashes kills the relayer at its points and at those of the sender of own gas while work is asked for, a third of the
// times together with the broker; the venue's relayer loses requests and answers, its quota is refused now and then, and the chain
// is reorganised. Whoever starts next goes on. In the end each request has one end, what is confirmed was executed once and the
// rest never, no unit is counted twice or forgotten.
func TestRelayerCrashes(t *testing.T) {
	t.Parallel()
	kills := shortWorkKills
	if n, err := strconv.Atoi(os.Getenv("SLUICE_WORK_KILLS")); err == nil {
		kills = n
	}
	seed := uint64(time.Now().UnixNano())
	if n, err := strconv.ParseUint(os.Getenv("SLUICE_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("seed %d", seed)
	began := time.Now()
	c := &toil{t: t, p: newPlant(t), rng: rand.New(rand.NewPCG(seed, 3)), asked: map[string]*request{}, tallies: map[string]*toilTally{}}
	c.begin()
	points := workPoints()
	// A short run meets others each time, and those that it meets lie far apart: some always stand where a unit is open.
	first, apart := c.rng.IntN(len(points)), max(1, len(points)/max(1, kills))
	for i := range kills {
		c.round(points[(first+i*apart)%len(points)], i%3 == 2)
	}
	c.finish()
	c.report(seed, kills, time.Since(began))
}

// toil is a row of kills of one relayer's processes.
type toil struct {
	t       *testing.T
	p       *plant
	rng     *rand.Rand
	last    *process
	started int
	next    int
	asked   map[string]*request // by account and id
	began   map[string]map[string]*big.Int
	tallies map[string]*toilTally
	mining  chan struct{} // closed: no more blocks
	mined   chan struct{}
}

// request is one command and what it changes when it is confirmed, by asset in base units.
type request struct {
	account, id, verb, body string
	effect                  map[string]int64
	stored                  bool
}

// toilTally is what the kills at one point met.
type toilTally struct {
	kills, broker, units, open int // units: kills that left an open unit; open: these units
}

func (c *toil) begin() {
	p := c.p
	p.owned(p.executor(""))            // says what resting orders need
	p.faults("{'mine':{'blocks':10}}") // so that there is something to reorganise
	c.began = c.holdings()
	c.post("/_sandbox/limits", quoted("{'builders':{'builder-1':'Verified'}}"))
	p.faults("{'drop_answer':{'per_mille':100,'on':'POST /relayer/submit'},'lose_request':{'per_mille':50,'on':'POST /relayer/submit'},'quota_gone':{'per_mille':60},'quota_reset_s':3}")
	c.mining, c.mined = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(c.mined)
		tick := time.NewTicker(minedEvery)
		defer tick.Stop()
		for {
			select {
			case <-c.mining:
				return
			case <-tick.C:
				r, err := http.Post(p.urls.CLOB+"/_sandbox/faults", "application/json", strings.NewReader(`{"mine":{"blocks":1}}`))
				if err == nil {
					r.Body.Close()
				}
			}
		}
	}()
}

func (c *toil) post(path, body string) {
	c.t.Helper()
	r, err := http.Post(c.p.urls.CLOB+path, "application/json", strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	defer r.Body.Close()
	if b, _ := io.ReadAll(r.Body); r.StatusCode != http.StatusOK {
		c.t.Fatalf("%s: %s %s", path, r.Status, b)
	}
}

// relayer starts one that ends itself at a point; "" is none.
func (c *toil) relayer(crashAt string) *process {
	c.t.Helper()
	c.started++
	var env []string
	if crashAt != "" {
		env = append(env, "SLUICE_CRASH_AT="+crashAt)
	}
	name := fmt.Sprintf("relayer-%d", c.started)
	return start(c.t, name, env, false, program(c.t), "relayer", "--nats", c.p.serviceURL(c.p.port), "--http", "127.0.0.1:0",
		"--clob", c.p.urls.CLOB, "--owner", name, "--relayer-tier", "verified", "--snapshot-every", "40", "--unsafe-no-sync")
}

// freeLeases ends the leases of a process that is known to be dead.
func (c *toil) freeLeases() {
	ctx, cancel := c.p.call()
	defer cancel()
	kv, err := c.p.js.KeyValue(ctx, "OWNERS")
	if err != nil {
		return
	}
	for _, a := range workers() {
		_ = kv.Delete(ctx, "tx."+a) // it runs out by itself
	}
}

// round lets a relayer run until it kills itself at a point.
func (c *toil) round(point string, broker bool) {
	c.t.Helper()
	if c.last != nil {
		c.last.kill()
		if c.rng.IntN(10) > 0 {
			c.freeLeases()
		}
	}
	e := c.relayer(fmt.Sprintf("%s:%d:KILL", point, 1+c.rng.IntN(workDepth)))
	c.last = e
	if broker {
		pass(time.Duration(c.rng.Int64N(int64(time.Second))))
		c.p.restartBroker()
	}
	if c.rng.IntN(4) == 0 {
		c.p.faults("{'reorg':{'depth':%d}}", 1+c.rng.IntN(3))
	}
	// A refusal for the day's units closes the relayer to the end of the minute, and one may follow another.
	for end := time.Now().Add(3 * patience); !e.ended(); pass(time.Duration(50+c.rng.IntN(150)) * time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatalf("%s never comes to %s: %s", e.name, point, e.said())
		}
		c.command()
	}
	n := c.at(point)
	n.kills++
	if broker {
		n.broker++
	}
	open := c.open()
	n.open, n.units = n.open+open, n.units+min(open, 1)
}

func (c *toil) at(point string) *toilTally {
	if c.tallies[point] == nil {
		c.tallies[point] = &toilTally{}
	}
	return c.tallies[point]
}

// command asks for something; no amount is asked for twice, so that sums tell what was executed.
func (c *toil) command() {
	c.next++
	account := workers()[c.rng.IntN(len(workers()))]
	units := int64(1_000_000 + c.next*1_009) // base units
	amount := fmt.Sprintf("%d.%06d", units/1_000_000, units%1_000_000)
	m := c.p.urls.Markets[slices.IndexFunc(c.p.urls.Markets, func(m sandbox.URLMarket) bool {
		return m.Slug == []string{"sandbox-coin", "sandbox-election"}[c.next%2]
	})]
	r := &request{account: account, id: fmt.Sprintf("w-%d", c.next)}
	switch c.rng.IntN(5) {
	case 0, 1:
		r.verb, r.body, r.effect = "split", quoted("'condition_id':'%s',", m.ConditionID), map[string]int64{"pUSD": -units, m.Tokens[0]: units, m.Tokens[1]: units}
	case 2:
		r.verb, r.body, r.effect = "merge", quoted("'condition_id':'%s',", m.ConditionID), map[string]int64{"pUSD": units, m.Tokens[0]: -units, m.Tokens[1]: -units}
	case 3:
		r.verb, r.effect = "wrap", map[string]int64{"USDC.e": -units, "pUSD": units}
	default:
		r.verb, r.effect = "unwrap", map[string]int64{"USDC.e": units, "pUSD": -units}
	}
	r.body = quoted("{'request_id':'%s',%s'amount':'%s','urgency':'high'}", r.id, r.body, amount)
	c.asked[account+"/"+r.id] = r
	c.send(r)
	if c.rng.IntN(8) == 0 {
		c.send(r) // again, as who is not sure does
	}
}

func (c *toil) send(r *request) {
	m, err := c.p.bus.Request(msgs.CmdSubject(msgs.FamilyTx, msgs.Account(r.account), r.verb), []byte(r.body), 2*time.Second)
	var ack struct{ Seq uint64 }
	if err == nil && json.Unmarshal(m.Data, &ack) == nil && ack.Seq > 0 {
		r.stored = true
	}
}

// told is an event of on-chain work, as far as the campaign looks at it.
type told struct {
	Type      string `json:"type"`
	RequestID string `json:"request_id"`
	Unit      string `json:"unit"`
	Carrier   string `json:"carrier"`
	Error     *msgs.Error
}

// events are those of an account's on-chain work, in order.
func (c *toil) events(account string) (out []told) {
	c.t.Helper()
	for _, l := range c.stored(msgs.LogStream(msgs.Account(account))) {
		var env struct{ Events []told }
		if !strings.HasPrefix(l.Subject, "evt.tx.") {
			continue
		}
		if err := json.Unmarshal([]byte(l.Data), &env); err != nil {
			c.t.Fatal(err)
		}
		out = append(out, env.Events...)
	}
	return out
}

// open is how many accounts' logs end with a unit that is under way.
func (c *toil) open() (n int) {
	for _, a := range workers() {
		unit, over := "", map[string]bool{}
		for _, e := range c.events(a) {
			switch e.Type {
			case "tx.sealed":
				unit = e.Unit
			case "tx.confirmed", "tx.failed", "tx.dropped":
				over[e.Unit] = true
			}
		}
		if unit != "" && !over[unit] {
			n++
		}
	}
	return n
}

// ends are the final words about requests, by account and id.
func (c *toil) ends() map[string][]string {
	out := map[string][]string{}
	for _, a := range workers() {
		for _, e := range c.events(a) {
			if e.Type == "tx.confirmed" || e.Type == "tx.failed" || e.Type == "tx.dropped" {
				out[a+"/"+e.RequestID] = append(out[a+"/"+e.RequestID], e.Type)
			}
		}
	}
	return out
}

// finish lets the last relayer bring everything to its end.
func (c *toil) finish() {
	c.t.Helper()
	c.p.faults("{'drop_answer':{'per_mille':0},'lose_request':{'per_mille':0},'quota_gone':{'per_mille':0},'quota_reset_s':0}")
	c.freeLeases()
	c.last = c.relayer("")
	for end := time.Now().Add(workEnds); ; pass(500 * time.Millisecond) {
		ends, left := c.ends(), []string(nil)
		for name, r := range c.asked {
			if r.stored && len(ends[name]) == 0 {
				left = append(left, name)
			}
		}
		if len(left) == 0 {
			break
		}
		if time.Now().After(end) {
			slices.Sort(left)
			c.t.Errorf("no end: %v\n%s", left, c.last.said())
			break
		}
	}
	close(c.mining)
	<-c.mined
}

// holdings asks the contracts by eth_call what the wallets have, by account and asset.
func (c *toil) holdings() map[string]map[string]*big.Int {
	c.t.Helper()
	client, err := ethclient.Dial(c.p.urls.RPC)
	if err != nil {
		c.t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := c.p.call()
	defer cancel()
	at, out := chain.Polygon(), map[string]map[string]*big.Int{}
	for _, a := range c.p.urls.Accounts {
		have, wallet := map[string]*big.Int{}, common.HexToAddress(a.Funder)
		ask := func(asset string, to common.Address, contract string, args ...any) {
			data, err := chain.Interface(contract).Pack("balanceOf", args...)
			if err != nil {
				c.t.Fatal(err)
			}
			answer, err := client.CallContract(ctx, ethereum.CallMsg{To: &to, Data: data}, nil)
			if err != nil {
				c.t.Fatal(err)
			}
			have[asset] = new(big.Int).SetBytes(answer)
		}
		ask("pUSD", at.PUSD, "Token", wallet)
		ask("USDC.e", at.USDCe, "Token", wallet)
		for _, m := range c.p.urls.Markets {
			for _, token := range m.Tokens {
				id, _ := new(big.Int).SetString(token, 10)
				ask(token, at.CTF, "ConditionalTokens", wallet, id)
			}
		}
		out[a.Name] = have
	}
	return out
}

// sums holds what each wallet has changed by against what the confirmed requests asked for, and counts those that differ.
func (c *toil) sums(ends map[string][]string) (assets int) {
	c.t.Helper()
	now, want := c.holdings(), map[string]map[string]int64{}
	for name, r := range c.asked {
		if slices.Contains(ends[name], "tx.confirmed") {
			if want[r.account] == nil {
				want[r.account] = map[string]int64{}
			}
			for asset, n := range r.effect {
				want[r.account][asset] += n
			}
		}
	}
	for _, a := range workers() {
		for asset, was := range c.began[a] {
			assets++
			if got := new(big.Int).Sub(now[a][asset], was); got.Cmp(big.NewInt(want[a][asset])) != 0 {
				c.t.Errorf("%s has changed by %s of %s, what was confirmed comes to %d", a, got, asset, want[a][asset])
			}
		}
	}
	return assets
}

// stored reads a stream.
func (c *toil) stored(name string) (out []storedLine) {
	c.t.Helper()
	ctx, cancel := c.p.call()
	defer cancel()
	stream, err := c.p.js.Stream(ctx, name)
	if err != nil {
		c.t.Fatal(err)
	}
	info, err := stream.Info(ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	if info.State.Msgs == 0 {
		return nil
	}
	cons, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		c.t.Fatal(err)
	}
	it, err := cons.Messages()
	if err != nil {
		c.t.Fatal(err)
	}
	defer it.Stop()
	for {
		m, err := it.Next(jetstream.NextContext(ctx))
		if err != nil {
			c.t.Fatal(err)
		}
		meta, err := m.Metadata()
		if err != nil {
			c.t.Fatal(err)
		}
		out = append(out, storedLine{name, m.Subject(), meta.Sequence.Stream, meta.Timestamp.UnixMicro(), m.Headers(), string(m.Data())})
		if meta.Sequence.Stream >= info.State.LastSeq {
			return out
		}
	}
}

// storedLine is one stored message, as the judge reads it.
type storedLine struct {
	Stream   string              `json:"stream"`
	Subject  string              `json:"subject"`
	Seq      uint64              `json:"seq"`
	StoredUS int64               `json:"stored_us"`
	Headers  map[string][]string `json:"headers,omitempty"`
	Data     string              `json:"data"`
}

// judged is what the judge of work finds.
func (c *toil) judged() judge.Work {
	c.t.Helper()
	get := func(path string) []byte {
		r, err := http.Get(c.p.urls.CLOB + path)
		if err != nil {
			c.t.Fatal(err)
		}
		defer r.Body.Close()
		b, err := io.ReadAll(bufio.NewReader(r.Body))
		if err != nil || r.StatusCode != http.StatusOK {
			c.t.Fatalf("%s: %s %v", path, r.Status, err)
		}
		return b
	}
	var transfers, record bytes.Buffer
	for after := int64(0); ; { // a page at a time
		page := get(fmt.Sprintf("/_sandbox/transfers?after=%d", after))
		if len(page) == 0 {
			break
		}
		transfers.Write(page)
		lines := bytes.Split(bytes.TrimSpace(page), []byte("\n"))
		var last struct{ Seq int64 }
		if err := json.Unmarshal(lines[len(lines)-1], &last); err != nil || last.Seq <= after {
			c.t.Fatalf("transfers after %d: %v", after, err)
		}
		after = last.Seq
	}
	enc := json.NewEncoder(&record)
	names := []string{msgs.DeadStream, msgs.QuotaStream}
	for _, a := range workers() {
		names = append(names, msgs.AskStream(msgs.Account(a)), msgs.LogStream(msgs.Account(a)))
	}
	for _, name := range names {
		for _, l := range c.stored(name) {
			if err := enc.Encode(l); err != nil {
				c.t.Fatal(err)
			}
		}
	}
	described(c.t, bytes.NewReader(record.Bytes()))
	v, err := judge.JudgeWork(bytes.NewReader(get("/_sandbox/journal")), &transfers, &record, judge.Options{})
	if err != nil {
		c.t.Fatal(err)
	}
	return v
}

// report judges, counts, and prints.
func (c *toil) report(seed uint64, kills int, took time.Duration) {
	c.t.Helper()
	v, ends := c.judged(), c.ends()
	for _, f := range v.Findings {
		c.t.Errorf("the judge: %s %s: %s", f.Kind, f.Account, f.Why)
	}
	for name, all := range ends {
		if len(all) > 1 {
			c.t.Errorf("%s ends as %v", name, all)
		}
	}
	assets := c.sums(ends)
	var b strings.Builder
	units := 0
	for _, n := range v.Units {
		units += n
	}
	fmt.Fprintf(&b, "seed %d, %d kills in %s, requests %d: confirmed %d, failed %d; units %d, executed by the relayer %d, by own gas %d, races lost %d\n\n",
		seed, kills, took.Round(time.Second), v.Requests, v.Confirmed, v.Failed, units, v.ByRelayer, v.ByOwnGas, v.LostRaces)
	b.WriteString("| point | kills | with the broker | left an open unit | open units |\n|---|---|---|---|---|\n")
	var sum toilTally
	for _, point := range slices.Sorted(maps.Keys(c.tallies)) {
		n := c.tallies[point]
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d |\n", point, n.kills, n.broker, n.units, n.open)
		sum = toilTally{sum.kills + n.kills, sum.broker + n.broker, sum.units + n.units, sum.open + n.open}
	}
	fmt.Fprintf(&b, "| all | %d | %d | %d | %d |\n\nwhat was confirmed comes to what each wallet has changed by, in each of %d assets, to the last unit; the judge: %v\n", sum.kills, sum.broker, sum.units, sum.open, assets, v.Wrong)
	c.t.Log("\n" + b.String())
	if path := os.Getenv("SLUICE_CRASH_REPORT"); path != "" {
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			c.t.Error(err)
		}
	}
	if sum.kills != kills || sum.units == 0 || v.Confirmed == 0 {
		c.t.Errorf("%d kills of %d, %d left an open unit, %d requests confirmed: nothing is shown", sum.kills, kills, sum.units, v.Confirmed)
	}
}
