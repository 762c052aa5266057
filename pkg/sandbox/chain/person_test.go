package chain_test

import (
	"crypto/ecdsa"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"sluice/pkg/sandbox/chain"
)

// person is a key with POL.
type person struct {
	t   *testing.T
	c   *chain.Chain
	key *ecdsa.PrivateKey
	at  common.Address
}

func key(seed string) *ecdsa.PrivateKey {
	k, err := crypto.ToECDSA(crypto.Keccak256([]byte(seed)))
	if err != nil {
		panic(err)
	}
	return k
}

func addressOf(seed string) common.Address { return crypto.PubkeyToAddress(key(seed).PublicKey) }

// start makes a chain with one ordinary and one neg-risk market and a funded person.
func start(t *testing.T, cfg chain.Config) (*chain.Chain, person) {
	t.Helper()
	cfg.Markets = []chain.Market{{Question: common.Hash{1}}, {NegRisk: true}}
	cfg.Accounts = append(cfg.Accounts, chain.Account{Owner: addressOf("ann"), PUSD: 1_000_000_000, USDCe: 1_000_000_000, Shares: 5_000_000, Gas: 100})
	c, err := chain.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, person{t, c, key("ann"), addressOf("ann")}
}

// gwei is a billionth of POL in wei.
func gwei(n int64) *big.Int { return new(big.Int).Mul(big.NewInt(n), big.NewInt(1_000_000_000)) }

func (p person) sign(nonce uint64, tip, cap int64, to common.Address, data []byte) *types.Transaction {
	p.t.Helper()
	tx, err := types.SignNewTx(p.key, types.LatestSignerForChainID(big.NewInt(chain.ID)), &types.DynamicFeeTx{
		ChainID: big.NewInt(chain.ID), Nonce: nonce, GasTipCap: gwei(tip), GasFeeCap: gwei(cap), Gas: 1_000_000, To: &to, Data: data,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return tx
}

// send sends a usual transaction with the next nonce.
func (p person) send(to common.Address, data []byte) *types.Transaction {
	p.t.Helper()
	tx := p.sign(p.c.Nonce(p.at), 30, 200, to, data)
	if err := p.c.Send(tx); err != nil {
		p.t.Fatal(err)
	}
	return tx
}

// do sends, makes a block, and wants the transaction to have succeeded.
func (p person) do(contract string, to common.Address, function string, args ...any) *types.Receipt {
	p.t.Helper()
	tx := p.send(to, pack(p.t, contract, function, args...))
	p.c.Mine()
	r := p.c.Receipt(tx.Hash())
	if r == nil || r.Status != 1 {
		p.t.Fatalf("%s: receipt %+v", function, r)
	}
	return r
}

func pack(t *testing.T, contract, function string, args ...any) []byte {
	t.Helper()
	data, err := chain.Interface(contract).Pack(function, args...)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func equal(t *testing.T, what string, got *big.Int, want int64) {
	t.Helper()
	if got.Cmp(big.NewInt(want)) != 0 {
		t.Errorf("%s is %v, want %d", what, got, want)
	}
}
