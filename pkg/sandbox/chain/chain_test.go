package chain_test

import (
	"encoding/json"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox/chain"
)

// The venue's own token ids, and its client's wallet addresses, come out of the contracts and derivations here.
func TestIdsAndAddressesAreProductions(t *testing.T) {
	c, _ := start(t, chain.Config{})
	p := chain.Polygon()
	for _, v := range []struct {
		condition  string
		set        int64
		collateral common.Address
		id         string
	}{
		{"0xdd22472e552920b8438158ea7238bfadfa4f736aa4cee91a6b86c39ead110917", 1, p.NegRiskCollateral, "21742633143463906290569050155826241533067272736897614950488156847949938836455"},
		{"0xdd22472e552920b8438158ea7238bfadfa4f736aa4cee91a6b86c39ead110917", 2, p.NegRiskCollateral, "48331043336612883890938759509493159234755048973500640148014422747788308965732"},
		{"0x747dc809fb79e1b05be09c42d6179459a58de2ef3e40f02484a4e1260f741f75", 1, p.USDCe, "107505882767731489358349912513945399560393482969656700824895970500493757150417"},
	} {
		if got := position(t, c, common.HexToHash(v.condition), v.set, v.collateral); got.String() != v.id {
			t.Errorf("position %d of %s is %s, want %s", v.set, v.condition, got, v.id)
		}
	}
	owner := common.HexToAddress("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
	for kind, want := range map[chain.Kind]string{
		chain.EOA: owner.Hex(), chain.Safe: "0xd93B25cb943D14d0d34FBaF01Fc93a0f8b5F6E47", chain.Proxy: "0x365f0CA36Ae1f641E02fE3B7743673da42A13A70",
		chain.Deposit: "0xBc0fF067b7740Eff76C1ca93c875Ba6B890d6B50",
	} {
		if got := chain.WalletOf(owner, kind); got != common.HexToAddress(want) {
			t.Errorf("wallet of kind %d is %s, want %s", kind, got, want)
		}
	}
}

func position(t *testing.T, c *chain.Chain, condition common.Hash, set int64, collateral common.Address) *big.Int {
	t.Helper()
	ctf := chain.Polygon().CTF
	ask := func(function string, args ...any) []byte {
		out, err := c.Call(chain.Call{To: &ctf, Data: pack(t, "ConditionalTokens", function, args...)})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	collection := common.BytesToHash(ask("getCollectionId", common.Hash{}, condition, big.NewInt(set)))
	return new(big.Int).SetBytes(ask("getPositionId", collateral, collection))
}

// Two programs that know nothing of each other agree on the ids of conditions nobody has seen.
func TestCollectionArithmeticAgreesWithAnotherProgram(t *testing.T) {
	c, _ := start(t, chain.Config{})
	r := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		var condition common.Hash
		for i := range condition {
			condition[i] = byte(r.Uint32())
		}
		set := 1 + r.Int64N(1000)
		got := position(t, c, condition, set, chain.Polygon().USDCe)
		want := polymarket.PositionID(chain.Polygon().USDCe, polymarket.CollectionID(condition, uint64(set)))
		if new(big.Int).SetBytes(want[:]).Cmp(got) != 0 {
			t.Fatalf("position %d of %s is %s, want %x", set, condition, got, want)
		}
	}
}

// The ids that are computed without a chain are those that the contracts give.
func TestConditionsAreTheContracts(t *testing.T) {
	markets := []chain.Market{{Question: common.Hash{1}}, {NegRisk: true}, {Question: common.Hash{9, 9}}, {NegRisk: true}}
	c, err := chain.New(chain.Config{Markets: markets})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	negRisk := 0
	for i, m := range markets {
		want, got := c.Conditions()[i], chain.ConditionOf(m, negRisk)
		if m.NegRisk {
			negRisk++
		}
		if got.ID != want.ID || got.Question != want.Question || got.Tokens[0].Cmp(want.Tokens[0]) != 0 || got.Tokens[1].Cmp(want.Tokens[1]) != 0 {
			t.Errorf("market %d: %+v, the contracts say %+v", i, got, want)
		}
	}
}

func TestWalletsAreFilledAndApprovedFromTheStart(t *testing.T) {
	owner := addressOf("bob")
	var accounts []chain.Account
	for _, k := range []chain.Kind{chain.Proxy, chain.Safe, chain.Deposit} {
		accounts = append(accounts, chain.Account{Owner: owner, Kind: k, PUSD: 7_000_000, USDCe: 3_000_000, Shares: 2_000_000, Gas: 1})
	}
	c, _ := start(t, chain.Config{Accounts: accounts})
	for _, a := range accounts {
		at := chain.WalletOf(owner, a.Kind)
		equal(t, "pUSD", c.PUSD(at), 7_000_000)
		equal(t, "USDC.e", c.USDCe(at), 3_000_000)
		for _, m := range c.Conditions() {
			equal(t, "Yes", c.Shares(at, m.Tokens[0]), 2_000_000)
			equal(t, "No", c.Shares(at, m.Tokens[1]), 2_000_000)
		}
		to := chain.Polygon().PUSD
		out, err := c.Call(chain.Call{To: &to, Data: pack(t, "Token", "allowance", at, chain.Polygon().Exchange)})
		if err != nil || new(big.Int).SetBytes(out).BitLen() != 256 {
			t.Errorf("allowance of kind %d: %x, %v", a.Kind, out, err)
		}
		if len(c.Genesis()[at].Code) == 0 {
			t.Errorf("no wallet of kind %d at %s", a.Kind, at)
		}
	}
}

// Each refusal is in a node's words, because programs read them.
func TestPoolRefusesInANodesWords(t *testing.T) {
	c, ann := start(t, chain.Config{})
	to := addressOf("bob")
	first := ann.sign(0, 30, 100, to, nil)
	if err := c.Send(first); err != nil {
		t.Fatal(err)
	}
	poor := person{t, c, key("poor"), addressOf("poor")}
	for _, v := range []struct {
		tx   *types.Transaction
		want string
	}{
		{first, "already known"},
		{ann.sign(0, 33, 105, to, nil), "replacement transaction underpriced"},
		{ann.sign(0, 30, 200, to, nil), "replacement transaction underpriced"},
		{ann.sign(1, 24, 100, to, nil), "transaction underpriced: gas tip cap 24000000000, minimum needed 25000000000"},
		{poor.sign(0, 30, 100, to, nil), "insufficient funds for gas * price + value"},
		{ann.sign(1, 90, 80, to, nil), "max priority fee per gas higher than max fee per gas"},
	} {
		if err := c.Send(v.tx); err == nil || !strings.Contains(err.Error(), v.want) {
			t.Errorf("answer %v, want %q", err, v.want)
		}
	}
	dearer := ann.sign(0, 33, 110, to, nil)
	if err := c.Send(dearer); err != nil {
		t.Errorf("replacement 10 %% dearer: %v", err)
	}
	c.Mine()
	if c.Receipt(first.Hash()) != nil || c.Receipt(dearer.Hash()) == nil {
		t.Error("the replaced transaction is in a block, or its replacement is not")
	}
	if err := c.Send(first); err == nil || err.Error() != "nonce too low: next nonce 1, tx nonce 0" {
		t.Errorf("old nonce: %v", err)
	}
}

func TestHoleInNoncesBlocksWhatComesAfter(t *testing.T) {
	c, ann := start(t, chain.Config{})
	later := ann.sign(1, 30, 100, addressOf("bob"), nil)
	if err := c.Send(later); err != nil {
		t.Fatal(err)
	}
	if c.Mine(); c.Receipt(later.Hash()) != nil {
		t.Fatal("a transaction ran before its predecessor")
	}
	ann.send(addressOf("bob"), nil)
	if c.Mine(); c.Receipt(later.Hash()) == nil {
		t.Fatal("a transaction still waits although the hole is filled")
	}
}

// A base fee above its cap leaves a transaction waiting; when the fee is back it runs.
func TestBaseFeeSpikeLeavesCheapTransactionsWaiting(t *testing.T) {
	c, ann := start(t, chain.Config{})
	c.SetBaseFee(300)
	tx := ann.send(addressOf("bob"), nil)
	if h := c.Mine(); c.Receipt(tx.Hash()) != nil || h.BaseFee.Cmp(gwei(300)) != 0 {
		t.Fatalf("base fee %v, receipt %v", h.BaseFee, c.Receipt(tx.Hash()))
	}
	c.SetBaseFee(30)
	c.Mine()
	if r := c.Receipt(tx.Hash()); r == nil || r.EffectiveGasPrice.Cmp(gwei(60)) != 0 {
		t.Fatalf("receipt %+v, want one at 30 + 30 gwei", r)
	}
	before := c.Balance(ann.at)
	c.SetBaseFee(100)
	paid := ann.send(addressOf("bob"), nil)
	c.Mine()
	cost := new(big.Int).Mul(gwei(130), new(big.Int).SetUint64(c.Receipt(paid.Hash()).GasUsed))
	if got := new(big.Int).Sub(before, c.Balance(ann.at)); got.Cmp(cost) != 0 {
		t.Errorf("paid %v, want %v", got, cost)
	}
}

// After a reorganisation balances, nonces and receipts are those of the new branch; what was in the old one comes again,
// unless it was dropped on purpose.
func TestReorganisationUndoesAndDoesAgain(t *testing.T) {
	c, ann := start(t, chain.Config{})
	p := chain.Polygon()
	bob := addressOf("bob")
	kept := ann.do("Token", p.PUSD, "transfer", bob, big.NewInt(5))
	lost := ann.do("Token", p.PUSD, "transfer", bob, big.NewInt(70))
	top := c.Head()
	head, err := c.Reorg(2, func(tx *types.Transaction) bool { return tx.Hash() == lost.TxHash })
	if err != nil {
		t.Fatal(err)
	}
	if head.Number.Uint64() != top.Number.Uint64()+1 {
		t.Errorf("head %v after a reorganisation of %v", head.Number, top.Number)
	}
	equal(t, "bob's pUSD", c.PUSD(bob), 5)
	again := c.Receipt(kept.TxHash)
	if again == nil || again.BlockHash == kept.BlockHash {
		t.Errorf("the kept transaction: %+v", again)
	}
	if c.Receipt(lost.TxHash) != nil {
		t.Error("the dropped transaction still has a receipt")
	}
	if n := c.Nonce(ann.at); n != 1 {
		t.Errorf("nonce %d, want 1", n)
	}
	logs, err := c.Logs(0, head.Number.Uint64(), chain.Filter{Addresses: []common.Address{p.PUSD}})
	if err == nil {
		t.Fatalf("a range of a million blocks was answered with %d logs", len(logs))
	}
	logs, err = c.Logs(top.Number.Uint64()-1, head.Number.Uint64(), chain.Filter{Addresses: []common.Address{p.PUSD}})
	if err != nil || len(logs) != 1 || logs[0].BlockHash != again.BlockHash {
		t.Errorf("logs %v, %v: want the one of the new branch", logs, err)
	}
	if _, err := c.Reorg(5000, nil); err == nil {
		t.Error("a reorganisation beyond the first block was done")
	}
}

// Thousands of blocks and reorganisations leave the last states readable and the old ones refused, and no state is let go twice.
func TestOldStatesAreLetGo(t *testing.T) {
	c, ann := start(t, chain.Config{})
	e := c.Endpoint()
	first := c.Head().Number.Uint64()
	for i := range 1500 {
		if i%200 == 0 {
			ann.do("Token", chain.Polygon().PUSD, "transfer", addressOf("bob"), big.NewInt(1))
		}
		if c.Mine(); i%300 == 299 {
			if _, err := c.Reorg(7, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	equal(t, "bob's pUSD", c.PUSD(addressOf("bob")), 8)
	if _, err := ask(t, e, "eth_getBalance", ann.at, hexOf(first)); err == nil || !strings.Contains(err.Error(), "missing trie node") {
		t.Errorf("state of the first block: %v", err)
	}
	if _, err := ask(t, e, "eth_getBalance", ann.at, hexOf(c.Head().Number.Uint64()-900)); err != nil {
		t.Errorf("state 900 blocks back: %v", err)
	}
}

// Blocks come by the clock, in virtual time too, and Close leaves nothing running: a bubble would not end.
func TestBlocksByTimeInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, ann := start(t, chain.Config{BlockEvery: 2 * time.Second})
		n := c.Head().Number.Uint64()
		tx := ann.send(addressOf("bob"), nil)
		time.Sleep(time.Hour + time.Second)
		if got := c.Head().Number.Uint64() - n; got != 1800 {
			t.Errorf("%d blocks in an hour, want 1800", got)
		}
		if r := c.Receipt(tx.Hash()); r == nil || r.BlockNumber.Uint64() != n+1 {
			t.Errorf("receipt %+v, want it in the first of them", r)
		}
		if got := int64(c.Head().Time); got > time.Now().Unix() {
			t.Errorf("the head's time %d is in the future of %d", got, time.Now().Unix())
		}
	})
}

// A new chain is the same to the last hash: a run can be repeated.
func TestGenesisIsTheSameEveryTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the clock stands still
		a, _ := start(t, chain.Config{})
		b, _ := start(t, chain.Config{})
		if a.Head().Hash() != b.Head().Hash() {
			t.Error("two chains of one configuration begin differently")
		}
		x, _ := json.Marshal(a.Genesis())
		y, _ := json.Marshal(b.Genesis())
		if string(x) != string(y) {
			t.Error("the genesis of two chains differs")
		}
	})
}
