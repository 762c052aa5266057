package chain

import (
	"errors"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
)

// placerAddress is where factories ask for a wallet; contracts/Wallets.sol knows it too.
const placerAddress = "0x000000000000000000000000000000000051acE0"

// proxy is the code and storage of a wallet that has just been created.
type proxy struct {
	code    []byte
	storage map[common.Hash]common.Hash
}

// placement puts a wallet at the address production would create it at. Which owner's and which kind is told by the
// transient storage of the factory that asks, which nobody but the factory can write.
type placement struct {
	st      vm.StateDB
	proxies map[Kind]proxy
}

// Name is shown in traces.
func (placement) Name() string { return "PLACE" }

// RequiredGas is what creating a contract of that size costs, so that a wallet is about as dear as a real one.
func (p placement) RequiredGas([]byte) uint64 {
	return params.CreateGas + params.CreateDataGas*uint64(len(p.proxies[Safe].code))
}

// Run places the wallet and answers its address. It fails where a contract stands already, as CREATE2 does.
func (p placement) Run([]byte) ([]byte, error) {
	c := Polygon()
	for kind, factory := range map[Kind]common.Address{Safe: c.SafeFactory, Proxy: c.ProxyFactory, Deposit: c.DepositFactory} {
		owner := common.BytesToAddress(p.st.GetTransientState(factory, common.Hash{}).Bytes())
		if owner == (common.Address{}) {
			continue
		}
		at := WalletOf(owner, kind)
		if h := p.st.GetCodeHash(at); h != (common.Hash{}) && h != crypto.Keccak256Hash(nil) || p.st.GetNonce(at) != 0 {
			return nil, errors.New("place wallet: the address is taken")
		}
		p.proxies[kind].put(p.st, at)
		return word(at.Bytes()), nil
	}
	return nil, errors.New("place wallet: no factory asked")
}

func (p proxy) put(st vm.StateDB, at common.Address) {
	if !st.Exist(at) {
		st.CreateAccount(at)
	}
	st.CreateContract(at)
	st.SetNonce(at, 1, tracing.NonceChangeNewContract)
	st.SetCode(at, p.code, tracing.CodeChangeContractCreation)
	for k, v := range p.storage {
		st.SetState(at, k, v)
	}
}
