package chain

import (
	"fmt"
	"math"
	"math/big"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/holiman/uint256"
)

// world builds the state before the first block by calls that cost nothing and leave no transaction.
type world struct {
	chain  *Chain
	st     *state.StateDB
	header *types.Header
	code   map[string][]byte // creation code by contract name
	abis   map[string]abi.ABI
	seen   touched
	at     Contracts
	oper   common.Address
}

// touched is what has been written, so that the state can be listed: a trie knows only hashes of its keys.
type touched struct {
	accounts map[common.Address]bool
	slots    map[common.Address]map[common.Hash]bool
}

func (t touched) hooks() *tracing.Hooks {
	account := func(a common.Address) { t.accounts[a] = true }
	return &tracing.Hooks{
		OnBalanceChange: func(a common.Address, _, _ *big.Int, _ tracing.BalanceChangeReason) { account(a) },
		OnNonceChange:   func(a common.Address, _, _ uint64) { account(a) },
		OnCodeChange:    func(a common.Address, _ common.Hash, _ []byte, _ common.Hash, _ []byte) { account(a) },
		OnStorageChange: func(a common.Address, k, _, _ common.Hash) {
			account(a)
			if t.slots[a] == nil {
				t.slots[a] = map[common.Hash]bool{}
			}
			t.slots[a][k] = true
		},
	}
}

// hooked is the state as the calls see it.
func (w *world) hooked() vm.StateDB { return state.NewHookedState(w.st, w.seen.hooks()) }

func newWorld(c *Chain, st *state.StateDB, h *types.Header, override map[string][]byte) *world {
	w := &world{
		chain: c, st: st, header: h, code: map[string][]byte{}, abis: map[string]abi.ABI{}, at: Polygon(), oper: c.operator,
		seen: touched{map[common.Address]bool{}, map[common.Address]map[common.Hash]bool{}},
	}
	for name, a := range artefacts() {
		w.code[name], w.abis[name] = a.Creation, a.abi(name)
	}
	for name, code := range override {
		w.code[name] = code
	}
	return w
}

// deploy runs a contract's creation code at an address of our choice and leaves its result there.
func (w *world) deploy(name string, at common.Address, args ...any) {
	packed, err := w.abis[name].Pack("", args...)
	if err != nil {
		panic(fmt.Sprintf("deploy %s: %v", name, err))
	}
	w.create(name, at, append(append([]byte(nil), w.code[name]...), packed...))
}

func (w *world) create(name string, at common.Address, code []byte) {
	db := w.hooked()
	db.SetCode(at, code, tracing.CodeChangeGenesis)
	runtime, err := w.run(w.oper, at, nil)
	if err != nil {
		panic(fmt.Sprintf("deploy %s: %v", name, err))
	}
	db.SetCode(at, runtime, tracing.CodeChangeGenesis)
	db.SetNonce(at, 1, tracing.NonceChangeGenesis)
}

// call calls a function of the contract name at to. A failure is a mistake of this file.
func (w *world) call(from, to common.Address, name, function string, args ...any) []byte {
	data, err := w.abis[name].Pack(function, args...)
	if err != nil {
		panic(fmt.Sprintf("pack %s.%s: %v", name, function, err))
	}
	out, err := w.run(from, to, data)
	if err != nil {
		panic(fmt.Sprintf("call %s.%s: %v: %s", name, function, err, reason(out)))
	}
	return out
}

func (w *world) run(from, to common.Address, data []byte) ([]byte, error) {
	rules := w.chain.rulesAt(w.header)
	db := w.hooked()
	m := w.chain.evm(db, w.header, vm.Config{NoBaseFee: true})
	m.SetTxContext(vm.TxContext{Origin: from, GasPrice: new(uint256.Int)})
	db.Prepare(rules, from, w.header.Coinbase, &to, vm.ActivePrecompiles(rules), nil)
	out, _, err := m.Call(from, to, data, vm.NewGasBudget(math.MaxUint64/2, 0), new(uint256.Int))
	w.st.Finalise(rules)
	return out, err
}

// proxyCode is what a wallet of a kind consists of when it is new.
func (w *world) proxyCode(master common.Address) proxy {
	scratch := common.HexToAddress("0x5c4a7c4")
	packed := word(master.Bytes())
	w.create("Proxy", scratch, append(append([]byte(nil), w.code["Proxy"]...), packed...))
	p := proxy{code: w.st.GetCode(scratch), storage: map[common.Hash]common.Hash{}}
	for k := range w.seen.slots[scratch] {
		p.storage[k] = w.st.GetState(scratch, k)
	}
	for k := range p.storage {
		w.hooked().SetState(scratch, k, common.Hash{})
	}
	w.hooked().SetCode(scratch, nil, tracing.CodeChangeGenesis)
	w.hooked().SetNonce(scratch, 0, tracing.NonceChangeGenesis)
	w.st.Finalise(w.chain.rulesAt(w.header))
	return p
}

// contracts deploys everything, in the order in which they name each other.
func (w *world) contracts() {
	a := w.at
	w.deploy("Token", a.USDCe, "USD Coin (PoS)", "USDC", w.oper)
	w.deploy("Collateral", a.PUSD, w.oper, a.USDCe)
	w.deploy("Onramp", a.Onramp, a.USDCe, a.PUSD, w.oper)
	w.deploy("Offramp", a.Offramp, a.USDCe, a.PUSD, w.oper)
	w.deploy("ConditionalTokens", a.CTF)
	w.deploy("Oracle", a.Oracle, a.CTF, w.oper)
	w.deploy("WrappedCollateral", a.NegRiskCollateral, a.USDCe, a.NegRiskAdapter)
	w.deploy("NegRiskAdapter", a.NegRiskAdapter, a.CTF, a.USDCe, a.NegRiskCollateral)
	w.deploy("CtfCollateralAdapter", a.CollateralAdapter, a.CTF, a.PUSD, a.USDCe)
	w.deploy("NegRiskCtfCollateralAdapter", a.NegRiskCollateralAdapter, a.CTF, a.PUSD, a.USDCe, a.NegRiskAdapter)
	for _, minter := range []common.Address{a.Onramp, a.Offramp, a.CollateralAdapter, a.NegRiskCollateralAdapter} {
		w.call(w.oper, a.PUSD, "Collateral", "setMinter", minter, true)
	}
	fees := FeeReceiver()
	w.deploy("Exchange", a.Exchange, a.PUSD, a.CTF, a.CollateralAdapter, w.oper, fees)
	w.deploy("Exchange", a.NegRiskExchange, a.PUSD, a.CTF, a.NegRiskCollateralAdapter, w.oper, fees)
	w.deploy("Multicall3", a.Multicall3)
	w.walletContracts()
}

func (w *world) walletContracts() {
	a := w.at
	w.deploy("MultiSend", a.MultiSend)
	w.deploy("Safe", a.SafeMaster)
	handler := common.Address{}
	if code, ok := w.code["FallbackHandler"]; ok {
		handler = a.SafeFallback
		w.create("FallbackHandler", handler, code)
	}
	w.deploy("SafeFactory", a.SafeFactory, a.SafeMaster, handler)
	w.deploy("RelayHub", a.RelayHub)
	w.deploy("ProxyWallet", a.ProxyMaster, a.ProxyFactory)
	w.deploy("ProxyWalletFactory", a.ProxyFactory, a.RelayHub)
	w.deploy("DepositWallet", a.DepositMaster, a.DepositFactory)
	w.deploy("DepositWalletFactory", a.DepositFactory, Worker(), a.DepositBeacon)
	for kind, master := range map[Kind]common.Address{Safe: a.SafeMaster, Proxy: a.ProxyMaster, Deposit: a.DepositMaster} {
		w.chain.proxies[kind] = w.proxyCode(master)
	}
}

// alloc lists the whole state, for EVMs that are started with one.
func (w *world) alloc() types.GenesisAlloc {
	out := types.GenesisAlloc{}
	for a := range w.seen.accounts {
		if w.st.Empty(a) {
			continue
		}
		acc := types.Account{Balance: w.st.GetBalance(a).ToBig(), Nonce: w.st.GetNonce(a), Code: w.st.GetCode(a)}
		for k := range w.seen.slots[a] {
			if v := w.st.GetState(a, k); v != (common.Hash{}) {
				if acc.Storage == nil {
					acc.Storage = map[common.Hash]common.Hash{}
				}
				acc.Storage[k] = v
			}
		}
		out[a] = acc
	}
	return out
}
