package chain

import (
	"fmt"
	"maps"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"sluice/pkg/sandbox/chain"
)

// scenario is the life of a wallet: everything that the product does on chain, and how each of it fails.
func (p *play) scenario() {
	p.looks()
	p.approvals()
	p.collateral()
	p.adapters()
	p.tokens()
	p.deep()
	p.batches()
	p.nonces()
	p.signatures()
	p.silence()
	p.refusals()
	p.redeeming()
	p.balances()
}

func n(v int64) *big.Int { return big.NewInt(v) }

func sets(v ...int64) []*big.Int {
	out := make([]*big.Int, len(v))
	for i, x := range v {
		out[i] = n(x)
	}
	return out
}

func most() *big.Int { return new(big.Int).Sub(new(big.Int).Lsh(n(1), 256), n(1)) }

const (
	dollar = 1_000_000
)

func (p *play) market(i int) chain.Condition { return p.to.conditions[i] }

func (p *play) looks() {
	owner := crypto.PubkeyToAddress(ownerKey().PublicKey)
	for _, v := range []string{"getOwners", "getThreshold", "nonce", "VERSION", "domainSeparator"} {
		p.ask(v, p.wallet, "Safe", v)
	}
	p.ask("owner", p.wallet, "Safe", "isOwner", owner)
	p.ask("not owner", p.wallet, "Safe", "isOwner", p.wallet)
	p.ask("slots", p.at.CTF, "ConditionalTokens", "getOutcomeSlotCount", p.market(0).ID)
	p.ask("no slots", p.at.CTF, "ConditionalTokens", "getOutcomeSlotCount", common.Hash{9})
	p.ask("interface 1155", p.at.CTF, "ConditionalTokens", "supportsInterface", [4]byte{0xd9, 0xb6, 0x7a, 0x26})
	p.ask("interface 165", p.at.CTF, "ConditionalTokens", "supportsInterface", [4]byte{0x01, 0xff, 0xc9, 0xa7})
	p.ask("interface unknown", p.at.CTF, "ConditionalTokens", "supportsInterface", [4]byte{1, 2, 3, 4})
	for i := range 30 {
		var c common.Hash
		c[7] = byte(i)
		p.ask(fmt.Sprintf("collection %d", i), p.at.CTF, "ConditionalTokens", "getCollectionId", common.Hash{}, c, n(int64(1+i%7)))
	}
}

func (p *play) approvals() {
	p.safe("approve", safeTx{to: p.at.USDCe, data: p.pack("Token", "approve", p.at.Onramp, most())})
	p.safe("setApprovalForAll", safeTx{to: p.at.CTF, data: p.pack("ConditionalTokens", "setApprovalForAll", p.at.CollateralAdapter, true)})
	p.ask("approved", p.at.CTF, "ConditionalTokens", "isApprovedForAll", p.wallet, p.at.CollateralAdapter)
	p.safe("approve for split", safeTx{to: p.at.PUSD, data: p.pack("Token", "approve", p.at.CollateralAdapter, most())})
	p.safe("approve for CTF", safeTx{to: p.at.USDCe, data: p.pack("Token", "approve", p.at.CTF, most())})
	p.safe("approve for unwrap", safeTx{to: p.at.PUSD, data: p.pack("Token", "approve", p.at.Offramp, most())})
}

func (p *play) collateral() {
	p.safe("wrap", safeTx{to: p.at.Onramp, data: p.pack("Onramp", "wrap", p.at.USDCe, p.wallet, n(100*dollar))})
	p.safe("unwrap", safeTx{to: p.at.Offramp, data: p.pack("Offramp", "unwrap", p.at.USDCe, p.wallet, n(40*dollar))})
	p.safe("pUSD transfer", safeTx{to: p.at.PUSD, data: p.pack("Token", "transfer", common.Address{9}, n(3*dollar))})
}

func (p *play) adapterSplit(function string, market int, amount int64) []byte {
	return p.pack("CtfCollateralAdapter", function, p.at.PUSD, common.Hash{}, p.market(market).ID, sets(1, 2), n(amount))
}

func (p *play) ctf(function string, parent, condition common.Hash, partition []*big.Int, amount int64) []byte {
	return p.pack("ConditionalTokens", function, p.at.USDCe, parent, condition, partition, n(amount))
}

func (p *play) adapters() {
	p.safe("adapter split", safeTx{to: p.at.CollateralAdapter, data: p.adapterSplit("splitPosition", 0, 50*dollar)})
	p.safe("adapter split, warm", safeTx{to: p.at.CollateralAdapter, data: p.adapterSplit("splitPosition", 0, 50*dollar)})
	p.safe("adapter merge", safeTx{to: p.at.CollateralAdapter, data: p.adapterSplit("mergePositions", 0, 20*dollar)})
	p.safe("neg-risk approvals", p.batch(
		leg{p.at.PUSD, p.pack("Token", "approve", p.at.NegRiskCollateralAdapter, most())},
		leg{p.at.CTF, p.pack("ConditionalTokens", "setApprovalForAll", p.at.NegRiskCollateralAdapter, true)}))
	p.safe("neg-risk split", safeTx{to: p.at.NegRiskCollateralAdapter, data: p.adapterSplit("splitPosition", 2, 50*dollar)})
	p.safe("neg-risk merge", safeTx{to: p.at.NegRiskCollateralAdapter, data: p.adapterSplit("mergePositions", 2, 20*dollar)})
	event := p.market(2).Question
	p.safe("neg-risk convert", safeTx{to: p.at.NegRiskCollateralAdapter, data: p.pack("NegRiskCtfCollateralAdapter", "convertPositions", event, n(1), n(10*dollar))})
	for i := range 3 {
		q := event
		q[31] = byte(i)
		id := p.ask(fmt.Sprintf("yes of question %d", i), p.at.NegRiskAdapter, "NegRiskAdapter", "getPositionId", q, true)
		p.ask(fmt.Sprintf("held yes of question %d", i), p.at.CTF, "ConditionalTokens", "balanceOf", p.wallet, new(big.Int).SetBytes(id))
	}
}

func (p *play) tokens() {
	p.safe("CTF split", safeTx{to: p.at.CTF, data: p.ctf("splitPosition", common.Hash{}, p.market(0).ID, sets(1, 2), 10*dollar)})
	p.safe("CTF merge", safeTx{to: p.at.CTF, data: p.ctf("mergePositions", common.Hash{}, p.market(0).ID, sets(1, 2), 10*dollar)})
	yes, no := p.market(0).Tokens[0], p.market(0).Tokens[1]
	p.safe("position transfer", safeTx{to: p.at.CTF, data: p.pack("ConditionalTokens", "safeTransferFrom", p.wallet, common.Address{9}, yes, n(dollar), []byte{})})
	p.safe("position transfer, batch", safeTx{to: p.at.CTF, data: p.pack("ConditionalTokens", "safeBatchTransferFrom", p.wallet, common.Address{9},
		[]*big.Int{yes, no}, sets(2*dollar, 3*dollar), []byte{1, 2, 3})})
	p.safe("position transfer to itself", safeTx{to: p.at.CTF, data: p.pack("ConditionalTokens", "safeTransferFrom", p.wallet, p.wallet, yes, n(dollar), []byte{})})
	p.ask("balanceOfBatch", p.at.CTF, "ConditionalTokens", "balanceOfBatch", []common.Address{p.wallet, {9}}, []*big.Int{yes, no})
}

// deep splits positions of one condition by another, and conditions of more than two outcomes: points are added, and the
// order of conditions does not matter.
func (p *play) deep() {
	a, b := p.market(0).ID, p.market(1).ID
	collection := func(step string, parent, condition common.Hash, set int64) common.Hash {
		return common.BytesToHash(p.ask(step, p.at.CTF, "ConditionalTokens", "getCollectionId", parent, condition, n(set)))
	}
	yes := collection("collection yes", common.Hash{}, a, 1)
	other := collection("collection of the other", common.Hash{}, b, 2)
	collection("both, one way", yes, b, 2)
	collection("both, the other way", other, a, 1)
	collection("no point", common.Hash{31: 4}, a, 1)
	p.safe("deep split", safeTx{to: p.at.CTF, data: p.ctf("splitPosition", yes, b, sets(1, 2), 5*dollar)})
	p.safe("deep merge", safeTx{to: p.at.CTF, data: p.ctf("mergePositions", yes, b, sets(1, 2), 2*dollar)})

	question := common.Hash{3}
	p.direct("prepare three outcomes", relayKey(), p.at.CTF, p.pack("ConditionalTokens", "prepareCondition", crypto.PubkeyToAddress(relayKey().PublicKey), question, n(3)))
	three := common.BytesToHash(p.ask("id of three", p.at.CTF, "ConditionalTokens", "getConditionId", crypto.PubkeyToAddress(relayKey().PublicKey), question, n(3)))
	p.safe("split in two of three", safeTx{to: p.at.CTF, data: p.ctf("splitPosition", common.Hash{}, three, sets(3, 4), 9*dollar)})
	p.safe("split a part", safeTx{to: p.at.CTF, data: p.ctf("splitPosition", common.Hash{}, three, sets(1, 2), 9*dollar)})
	p.safe("merge a part", safeTx{to: p.at.CTF, data: p.ctf("mergePositions", common.Hash{}, three, sets(1, 2), 4*dollar)})
	p.direct("report thirds", relayKey(), p.at.CTF, p.pack("ConditionalTokens", "reportPayouts", question, sets(1, 0, 2)))
	p.safe("redeem thirds", safeTx{to: p.at.CTF, data: p.pack("ConditionalTokens", "redeemPositions", p.at.USDCe, common.Hash{}, three, sets(1, 2, 3, 4))})
	p.safe("redeem thirds again", safeTx{to: p.at.CTF, data: p.pack("ConditionalTokens", "redeemPositions", p.at.USDCe, common.Hash{}, three, sets(1, 2, 3, 4))})
}

func (p *play) batches() {
	p.safe("batch of three", p.batch(
		leg{p.at.USDCe, p.pack("Token", "approve", p.at.CTF, most())},
		leg{p.at.CTF, p.ctf("splitPosition", common.Hash{}, p.market(1).ID, sets(1, 2), 50*dollar)},
		leg{p.at.CTF, p.ctf("mergePositions", common.Hash{}, p.market(1).ID, sets(1, 2), 20*dollar)}))
	legs := []leg{}
	for _, s := range []common.Address{p.at.Exchange, p.at.NegRiskExchange, p.at.CollateralAdapter, p.at.NegRiskCollateralAdapter} {
		legs = append(legs, leg{p.at.PUSD, p.pack("Token", "approve", s, most())})
	}
	legs = append(legs,
		leg{p.at.CTF, p.pack("ConditionalTokens", "setApprovalForAll", p.at.Exchange, true)},
		leg{p.at.CTF, p.pack("ConditionalTokens", "setApprovalForAll", p.at.NegRiskExchange, true)},
		leg{p.at.Onramp, p.pack("Onramp", "wrap", p.at.USDCe, p.wallet, n(30*dollar))},
		leg{p.at.CollateralAdapter, p.adapterSplit("splitPosition", 1, 20*dollar)},
		leg{p.at.CollateralAdapter, p.adapterSplit("mergePositions", 1, 5*dollar)},
		leg{p.at.Offramp, p.pack("Offramp", "unwrap", p.at.USDCe, p.wallet, n(10*dollar))})
	p.safe("batch of ten", p.batch(legs...))
	p.safe("batch with a failing leg", p.batch(
		leg{p.at.USDCe, p.pack("Token", "approve", p.at.CTF, n(1))},
		leg{p.at.CTF, p.ctf("splitPosition", common.Hash{}, p.market(1).ID, sets(1, 2), 50*dollar)}))
	p.ask("nonce after a failing leg", p.wallet, "Safe", "nonce")
	p.ask("allowance after a failing leg", p.at.USDCe, "Token", "allowance", p.wallet, p.at.CTF)
	p.safe("empty batch", p.batch())
	p.tryLeg("MultiSend called", p.at.MultiSend, p.pack("MultiSend", "multiSend", []byte{}))
}

// nonces: of two who bring the same payload one succeeds; a nonce that is used up makes what was signed for it worthless.
func (p *play) nonces() {
	same := p.payload(safeTx{to: p.at.PUSD, data: p.pack("Token", "transfer", common.Address{9}, n(7*dollar))})
	p.end("race", p.one(relayKey(), p.wallet, same), p.one(ownerKey(), p.wallet, same))
	p.ask("moved once", p.at.PUSD, "Token", "balanceOf", common.Address{9})
	_, err := p.call(crypto.PubkeyToAddress(ownerKey().PublicKey), p.wallet, same)
	p.note("loser asks first", said(nil, err), 0)

	old := p.payload(safeTx{to: p.at.PUSD, data: p.pack("Token", "transfer", common.Address{9}, n(11*dollar))})
	p.safe("cancel", safeTx{to: crypto.PubkeyToAddress(ownerKey().PublicKey)})
	p.direct("cancelled payload", relayKey(), p.wallet, old)
	future := new(big.Int).Add(p.nonce(), n(1))
	p.safe("future nonce", safeTx{to: p.at.PUSD, data: p.pack("Token", "transfer", common.Address{9}, n(1)), nonce: future})
	p.ask("nonce after all", p.wallet, "Safe", "nonce")
}

func (p *play) signatures() {
	owner := crypto.PubkeyToAddress(ownerKey().PublicKey)
	pay := func() safeTx {
		return safeTx{to: p.at.PUSD, data: p.pack("Token", "transfer", common.Address{9}, n(dollar))}
	}
	with := func(sign func([]byte) []byte) safeTx {
		s := pay()
		s.sign = sign
		return s
	}
	p.safe("typed signature", with(typed(ownerKey())))
	p.safe("foreign signature", with(personal(relayKey())))
	p.safe("no signature", with(func([]byte) []byte { return nil }))
	p.safe("half a signature", with(func(d []byte) []byte { return personal(ownerKey())(d)[:64] }))
	p.safe("flipped byte", with(func(d []byte) []byte {
		sig := personal(ownerKey())(d)
		sig[5] ^= 1
		return sig
	}))
	p.safe("v of 29", with(func(d []byte) []byte {
		sig := typed(ownerKey())(d)
		sig[64] = 29
		return sig
	}))
	loose := p.payload(with(approvedBySender(owner)))
	p.direct("approved by sender, brought by another", relayKey(), p.wallet, loose)
	p.direct("approved by sender", ownerKey(), p.wallet, loose)
	p.direct("approved by sender, once more", ownerKey(), p.wallet, loose)
	s := pay()
	s.nonce = p.nonce()
	zero := common.Address{}
	digest := p.ask("digest", p.wallet, "Safe", "getTransactionHash", s.to, new(big.Int), s.data, s.operation, new(big.Int), new(big.Int), new(big.Int), zero, zero, s.nonce)
	p.direct("approveHash by another", relayKey(), p.wallet, p.pack("Safe", "approveHash", common.BytesToHash(digest)))
	p.direct("approveHash", ownerKey(), p.wallet, p.pack("Safe", "approveHash", common.BytesToHash(digest)))
	p.safe("approved hash, brought by another", with(approvedBySender(owner)))
	p.ask("spent", p.at.PUSD, "Token", "balanceOf", common.Address{9})
}

// silence is the trap of safeTxGas: the receipt looks well, the nonce is used, nothing moved.
func (p *play) silence() {
	s := safeTx{to: p.at.PUSD, data: p.pack("Token", "transfer", common.Address{9}, most()), gas: 200_000}
	p.safe("silent failure", s)
	s.gas = 0
	p.safe("loud failure", s)
	p.ask("nonce after both", p.wallet, "Safe", "nonce")
	s.data, s.gas = p.pack("Token", "transfer", common.Address{9}, n(1)), 200_000
	p.safe("success with safeTxGas", s)
	p.tryLeg("setup again", p.wallet, p.pack("Safe", "setup", []common.Address{p.wallet}, n(1), common.Address{}, []byte{}, common.Address{}, common.Address{}, new(big.Int), common.Address{}))
}

// refusals are what eth_call says of legs that would fail.
func (p *play) refusals() {
	c := p.market(0)
	legs := map[string][]byte{
		"split too much":         p.ctf("splitPosition", common.Hash{}, c.ID, sets(1, 2), 1<<50),
		"split unknown":          p.ctf("splitPosition", common.Hash{}, common.Hash{9}, sets(1, 2), 1),
		"split singleton":        p.ctf("splitPosition", common.Hash{}, c.ID, sets(1), 1),
		"split overlap":          p.ctf("splitPosition", common.Hash{}, c.ID, sets(1, 1), 1),
		"split invalid set":      p.ctf("splitPosition", common.Hash{}, c.ID, sets(1, 3), 1),
		"split zero set":         p.ctf("splitPosition", common.Hash{}, c.ID, sets(0, 1), 1),
		"merge too much":         p.ctf("mergePositions", common.Hash{}, c.ID, sets(1, 2), 1<<50),
		"merge unknown":          p.ctf("mergePositions", common.Hash{}, common.Hash{9}, sets(1, 2), 1),
		"redeem unresolved":      p.pack("ConditionalTokens", "redeemPositions", p.at.USDCe, common.Hash{}, c.ID, sets(1, 2)),
		"prepare one outcome":    p.pack("ConditionalTokens", "prepareCondition", common.Address{1}, common.Hash{}, n(1)),
		"prepare 257":            p.pack("ConditionalTokens", "prepareCondition", common.Address{1}, common.Hash{}, n(257)),
		"prepare again":          p.pack("ConditionalTokens", "prepareCondition", p.at.Oracle, p.market(0).Question, n(2)),
		"report not ours":        p.pack("ConditionalTokens", "reportPayouts", p.market(0).Question, sets(1, 0)),
		"transfer too much":      p.pack("ConditionalTokens", "safeTransferFrom", p.wallet, common.Address{9}, c.Tokens[0], n(1<<50), []byte{}),
		"transfer to nobody":     p.pack("ConditionalTokens", "safeTransferFrom", p.wallet, common.Address{}, c.Tokens[0], n(1), []byte{}),
		"transfer of another's":  p.pack("ConditionalTokens", "safeTransferFrom", common.Address{9}, p.wallet, c.Tokens[0], n(1), []byte{}),
		"transfer to a contract": p.pack("ConditionalTokens", "safeTransferFrom", p.wallet, p.at.PUSD, c.Tokens[0], n(1), []byte{}),
		"batch of odd lengths":   p.pack("ConditionalTokens", "safeBatchTransferFrom", p.wallet, common.Address{9}, []*big.Int{c.Tokens[0]}, sets(1, 2), []byte{}),
		"balance of nobody":      p.pack("ConditionalTokens", "balanceOf", common.Address{}, c.Tokens[0]),
	}
	for _, step := range slices.Sorted(maps.Keys(legs)) {
		p.tryLeg(step, p.at.CTF, legs[step])
	}
	p.tryLeg("wrap another asset", p.at.Onramp, p.pack("Onramp", "wrap", p.at.PUSD, p.wallet, n(1)))
	p.tryLeg("adapter split too much", p.at.CollateralAdapter, p.adapterSplit("splitPosition", 0, 1<<50))
	p.tryLeg("convert nothing held", p.at.NegRiskCollateralAdapter, p.pack("NegRiskCtfCollateralAdapter", "convertPositions", p.market(2).Question, n(2), n(dollar)))
}

func (p *play) redeeming() {
	p.direct("resolve by another", relayKey(), p.at.Oracle, p.pack("Oracle", "resolve", p.market(0).Question, sets(0, 1)))
	p.direct("resolve", chain.OperatorKey(), p.at.Oracle, p.pack("Oracle", "resolve", p.market(0).Question, sets(0, 1)))
	redeem := p.pack("CtfCollateralAdapter", "redeemPositions", p.at.PUSD, common.Hash{}, p.market(0).ID, sets(1, 2))
	p.safe("adapter redeem", safeTx{to: p.at.CollateralAdapter, data: redeem})
	p.safe("adapter redeem, nothing left", safeTx{to: p.at.CollateralAdapter, data: redeem})
	p.direct("resolve the other", chain.OperatorKey(), p.at.Oracle, p.pack("Oracle", "resolve", p.market(1).Question, sets(1, 1)))
	p.direct("resolve twice", chain.OperatorKey(), p.at.Oracle, p.pack("Oracle", "resolve", p.market(1).Question, sets(1, 0)))
	p.safe("CTF redeem", safeTx{to: p.at.CTF, data: p.pack("ConditionalTokens", "redeemPositions", p.at.USDCe, common.Hash{}, p.market(1).ID, sets(1, 2))})
	p.direct("neg-risk resolve", chain.OperatorKey(), p.at.NegRiskAdapter, p.pack("NegRiskAdapter", "reportOutcome", p.market(2).Question, true))
	p.safe("neg-risk redeem", safeTx{to: p.at.NegRiskCollateralAdapter, data: p.pack("CtfCollateralAdapter", "redeemPositions", p.at.PUSD, common.Hash{}, p.market(2).ID, sets(1, 2))})
}

func (p *play) balances() {
	p.ask("USDC.e at the end", p.at.USDCe, "Token", "balanceOf", p.wallet)
	p.ask("pUSD at the end", p.at.PUSD, "Token", "balanceOf", p.wallet)
	for _, c := range p.to.conditions {
		p.ask("yes at the end", p.at.CTF, "ConditionalTokens", "balanceOf", p.wallet, c.Tokens[0])
		p.ask("no at the end", p.at.CTF, "ConditionalTokens", "balanceOf", p.wallet, c.Tokens[1])
	}
}
