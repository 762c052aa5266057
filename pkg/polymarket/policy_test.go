package polymarket

import (
	"errors"
	"testing"

	"github.com/holiman/uint256"
)

// walletKey is the throw-away key of the official client's vectors.
const walletKey = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"

func polygonContracts(t testing.TB) Contracts {
	t.Helper()
	c, err := ContractsOn(Polygon)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// safePolicy is a policy for the key's Safe that lists one destination.
func safePolicy(t testing.TB) (p Policy, friend Address) {
	t.Helper()
	c, friend := polygonContracts(t), Address{0xf7, 19: 1}
	return Policy{Contracts: c, Wallet: c.SafeWallet(mustKey(t, walletKey).Address()), SendTo: []Address{friend}}, friend
}

func denied(err error) string {
	var d *Denied
	if errors.As(err, &d) {
		return d.Code
	}
	return ""
}

func TestTradingIsAllowed(t *testing.T) {
	p, friend := safePolicy(t)
	c, w, amount := p.Contracts, p.Wallet, Units(25_000_000)
	calls := []Call{
		c.Split(false, Hash{1}, amount), c.Split(true, Hash{1}, amount), c.Merge(false, Hash{1}, amount), c.Merge(true, Hash{1}, amount),
		c.Redeem(false, Hash{1}), c.Redeem(true, Hash{1}), c.Convert(Hash{1}, Units(3), amount), c.Wrap(w, amount), c.Unwrap(w, amount),
		c.Transfer(c.Collateral, friend, amount), c.Transfer(c.USDCe, friend, amount), c.TransferPosition(w, friend, TokenID{1}, amount),
		CallOf(c.ConditionalTokens, TransferTokens{From: w, To: friend, IDs: []TokenID{{1}}, Amounts: []uint256.Int{amount}}),
		CallOf(c.Router, RouterSplit{ProtocolID{1}, amount}), {To: friend, Value: Units(1)},
		CallOf(c.Collateral, ApproveERC20{Spender: Address{0xad}}), // taking back from a stranger
	}
	for _, a := range append(c.Approvals(), append(c.ProtocolApprovals(), c.AutoRedeemApprovals()...)...) {
		calls = append(calls, a.Grant(), a.Revoke())
	}
	for _, k := range calls {
		if _, err := SignSafeTx(mustKey(t, walletKey), SafeTx{Polygon, w, k, 1}, p.Allow); err != nil {
			t.Errorf("%x to %s: %v", k.Data, k.To, err)
		}
	}
}

// TestForbiddenCallsAreNotSigned tries each forbidden call alone, hidden in a batch, and with every other way of signing: no
// signature is made, and the reason is told.
func TestForbiddenCallsAreNotSigned(t *testing.T) {
	p, friend := safePolicy(t)
	c, w, thief, amount := p.Contracts, p.Wallet, Address{0xba, 0xd0}, Units(1)
	for name, k := range map[string]struct {
		call Call
		code string
	}{
		"money to a stranger":              {c.Transfer(c.Collateral, thief, amount), CodeDestinationNotListed},
		"USDC.e to a stranger":             {c.Transfer(c.USDCe, thief, amount), CodeDestinationNotListed},
		"coin to a stranger":               {Call{To: thief, Value: amount}, CodeDestinationNotListed},
		"positions to a stranger":          {c.TransferPosition(w, thief, TokenID{1}, amount), CodeDestinationNotListed},
		"positions of somebody else":       {c.TransferPosition(thief, friend, TokenID{1}, amount), CodeForbidden},
		"positions with a message":         {CallOf(c.ConditionalTokens, TransferToken{From: w, To: friend, Data: []byte{1}}), CodeForbidden},
		"several positions to a stranger":  {CallOf(c.ConditionalTokens, TransferTokens{From: w, To: thief}), CodeDestinationNotListed},
		"money of an unknown token":        {c.Transfer(thief, friend, amount), CodeForbidden},
		"permission for a stranger":        {CallOf(c.Collateral, ApproveERC20{thief, MaxAllowance()}), CodeForbidden},
		"permission for a friend":          {CallOf(c.Collateral, ApproveERC20{friend, amount}), CodeForbidden},
		"operator that is a stranger":      {CallOf(c.ConditionalTokens, ApproveAll{thief, true}), CodeForbidden},
		"permission on an unknown token":   {CallOf(thief, ApproveERC20{c.Exchange, amount}), CodeForbidden},
		"USDC.e for the exchange":          {CallOf(c.USDCe, ApproveERC20{c.Exchange, amount}), CodeForbidden},
		"wrap for a stranger":              {CallOf(c.Onramp, Wrap{c.USDCe, thief, amount}), CodeForbidden},
		"wrap for a friend":                {CallOf(c.Onramp, Wrap{c.USDCe, friend, amount}), CodeForbidden},
		"wrap of another asset":            {CallOf(c.Onramp, Wrap{c.USDC, w, amount}), CodeForbidden},
		"unwrap for a stranger":            {CallOf(c.Offramp, Unwrap{c.USDCe, thief, amount}), CodeForbidden},
		"split elsewhere":                  {CallOf(thief, SplitPosition{Amount: amount}), CodeForbidden},
		"the older adapter":                {CallOf(c.NegRiskAdapter, NegRiskSplit{Hash{1}, amount}), CodeForbidden},
		"convert at the regular adapter":   {CallOf(c.CollateralAdapter, ConvertPositions{Hash{1}, amount, amount}), CodeForbidden},
		"unknown function":                 {Call{To: c.Collateral, Data: []byte{1, 2, 3, 4, 5}}, CodeForbidden},
		"less than a selector":             {Call{To: c.Collateral, Data: []byte{1}}, ""},
		"a value beside it":                {Call{To: c.CollateralAdapter, Value: amount, Data: c.Split(false, Hash{1}, amount).Data}, CodeForbidden},
		"delegatecall of something else":   {Call{To: thief, Data: MultiSend{[]Call{{To: thief}}}.Calldata(), Operation: DelegateCall}, ""},
		"delegatecall without a batch":     {Call{To: c.SafeMultiSend, Data: []byte{1, 2, 3, 4}, Operation: DelegateCall}, ""},
		"plain call of MultiSend":          {CallOf(c.SafeMultiSend, MultiSend{[]Call{c.Redeem(false, Hash{1})}}), ""},
		"the wallet itself":                {Call{To: w, Data: []byte{0x0d, 0x58, 0x2f, 0x13}}, ""}, // addOwnerWithThreshold
		"calls inside a call":              {CallOf(thief, ExecTransaction{Call: Call{To: thief}}), ""},
		"calldata with bytes behind it":    {Call{To: c.Collateral, Data: append(ApproveERC20{c.Exchange, amount}.Calldata(), 0)}, ""},
		"address with dirt":                {dirty(c.Transfer(c.Collateral, friend, amount)), ""},
		"operation that does not exist":    {Call{To: c.Collateral, Data: c.Redeem(false, Hash{}).Data, Operation: 2}, ""},
		"delegatecall inside a batch":      {batchOf(c, Call{To: c.SafeMultiSend, Data: []byte{1, 2, 3, 4}, Operation: DelegateCall}), ""},
		"a batch with a value":             {valued(batchOf(c, c.Redeem(false, Hash{}))), ""},
		"an empty batch":                   {batchOf(c), ""},
		"a batch with bytes behind it":     {trailing(batchOf(c, c.Redeem(false, Hash{}))), ""},
		"a batch that goes to a lookalike": {lookalike(batchOf(c, c.Redeem(false, Hash{}))), ""},
	} {
		refused := func(how string, sig []byte, err error) {
			t.Helper()
			if err == nil || len(sig) > 0 {
				t.Errorf("%s is signed %s: %x, %v", name, how, sig, err)
			} else if denied(err) != k.code {
				t.Errorf("%s %s: %v, want code %q", name, how, err, k.code)
			}
		}
		key := mustKey(t, walletKey)
		s, err := SignSafeTx(key, SafeTx{Polygon, w, k.call, 1}, p.Allow)
		refused("alone", s.Signature, err)
		if k.call.Operation == PlainCall {
			s, err = SignSafeTx(key, SafeTx{Polygon, w, batchOf(c, c.Redeem(false, Hash{1}), k.call), 1}, p.Allow)
			refused("in a batch", s.Signature, err)
		}
		own := SignedSafeTx{SafeTx: SafeTx{Polygon, w, k.call, 1}, Signature: make([]byte, signatureLen)}.OwnGas()
		refused("by own gas", nil, c.VetOwnGas(key.Address(), own, p.Allow))

		proxy, _ := c.ProxyWallet(key.Address())
		pp, call := p, toWallet(k.call, w, proxy)
		pp.Wallet = proxy
		px, err := SignProxyTx(key, ProxyTx{Polygon, key.Address(), []Call{call}, 1, Address{1}.Hex(), 0}, pp.Allow)
		refused("for a proxy wallet", px.Signature, unified(err, k.code))
		_, deposit := c.DepositWallets(key.Address())
		dp, call := p, toWallet(k.call, w, deposit)
		dp.Wallet = deposit
		d, err := SignWalletBatch(key, WalletBatch{Polygon, deposit, 1, 2, []Call{call}}, dp.Allow)
		refused("for a deposit wallet", d.Signature, unified(err, k.code))
	}
}

// unified: what needs a Safe to be read is refused by other wallets without being looked into.
func unified(err error, code string) error {
	if err != nil && code == "" && denied(err) != "" {
		return ErrBadTransaction
	}
	return err
}

// toWallet is the same forbidden call as another wallet would make it.
func toWallet(k Call, from, to Address) Call {
	if k.To == from {
		k.To = to
	}
	m, _ := DecodeCalldata(k.Data)
	switch m := m.(type) {
	case TransferToken:
		if m.From == from {
			m.From = to
		}
		k.Data = m.Calldata()
	case TransferTokens:
		m.From = to
		k.Data = m.Calldata()
	}
	return k
}

func batchOf(c Contracts, calls ...Call) Call {
	return Call{To: c.SafeMultiSend, Data: MultiSend{calls}.Calldata(), Operation: DelegateCall}
}

func dirty(k Call) Call { k.Data[4] = 1; return k }

func valued(k Call) Call { k.Value = Units(1); return k }

func trailing(k Call) Call { k.Data = append(k.Data, 0); return k }

func lookalike(k Call) Call { k.To[19]++; return k }

func TestNothingIsSignedWithoutAPolicy(t *testing.T) {
	c, key := polygonContracts(t), mustKey(t, walletKey)
	call := c.Redeem(false, Hash{1})
	_, deposit := c.DepositWallets(key.Address())
	_, err1 := SignSafeTx(key, SafeTx{Polygon, c.SafeWallet(key.Address()), call, 1}, nil)
	_, err2 := SignProxyTx(key, ProxyTx{Polygon, key.Address(), []Call{call}, 1, Address{1}.Hex(), 0}, nil)
	_, err3 := SignWalletBatch(key, WalletBatch{Polygon, deposit, 1, 2, []Call{call}}, nil)
	for _, err := range []error{err1, err2, err3, c.VetOwnGas(key.Address(), call, nil)} {
		if !errors.Is(err, ErrNoPolicy) {
			t.Errorf("%v, want no policy", err)
		}
	}
	if _, err := SignSafeTx(key, SafeTx{Polygon, c.SafeWallet(key.Address()), call, 1}, Policy{}.Allow); denied(err) != CodeForbidden {
		t.Errorf("the zero policy allows: %v", err)
	}
}

func TestOnlyTheAccountsWalletIsSignedFor(t *testing.T) {
	t.Run("S2-52 no other wallet", onlyTheAccountsWalletIsSignedFor)
}

func onlyTheAccountsWalletIsSignedFor(t *testing.T) {
	p, _ := safePolicy(t)
	key, other := mustKey(t, walletKey), Address{7}
	call := p.Contracts.Redeem(false, Hash{1})
	if _, err := SignSafeTx(key, SafeTx{Polygon, other, call, 1}, p.Allow); denied(err) != CodeForbidden {
		t.Errorf("another Safe: %v", err)
	}
	if _, err := SignProxyTx(key, ProxyTx{Polygon, other, []Call{call}, 1, other.Hex(), 0}, allowAll); !errors.Is(err, ErrBadTransaction) {
		t.Errorf("another owner's proxy wallet: %v", err)
	}
	if _, err := SignWalletBatch(key, WalletBatch{Polygon, other, 1, 2, []Call{call}}, allowAll); !errors.Is(err, ErrBadTransaction) {
		t.Errorf("another deposit wallet: %v", err)
	}
	_, deposit := p.Contracts.DepositWallets(key.Address())
	if _, err := SignWalletBatch(key, WalletBatch{Polygon, deposit, 1, 0, []Call{call}}, allowAll); !errors.Is(err, ErrBadTransaction) {
		t.Errorf("a batch that lives for ever: %v", err)
	}
}

// TestOwnGasIsReadThroughToItsLegs: what Sluice pays for is looked at through every wrapping.
func TestOwnGasIsReadThroughToItsLegs(t *testing.T) {
	p, friend := safePolicy(t)
	c, key := p.Contracts, mustKey(t, walletKey)
	owner := key.Address()
	safe := func(k Call) Call {
		s, err := SignSafeTx(key, SafeTx{Polygon, p.Wallet, k, 1}, allowAll)
		if err != nil {
			t.Fatal(err)
		}
		return s.OwnGas()
	}
	create, err := SignSafeCreate(key, Polygon)
	if err != nil {
		t.Fatal(err)
	}
	made, err := create.OwnGas()
	if err != nil {
		t.Fatal(err)
	}
	eoa, proxy := p, p
	eoa.Wallet = owner
	proxy.Wallet, _ = c.ProxyWallet(owner)
	for name, good := range map[string]struct {
		call  Call
		allow Allow
	}{
		"split of the Safe":      {safe(c.Split(false, Hash{1}, Units(1))), p.Allow},
		"creation of the Safe":   {made, p.Allow},
		"voided nonce":           {VoidSafeNonce(Polygon, p.Wallet, 3).ownGas(t, key), p.Allow},
		"split of the account":   {c.Split(true, Hash{1}, Units(1)), eoa.Allow},
		"the account to itself":  {Call{To: owner}, p.Allow},
		"split of the proxy":     {CallOf(c.ProxyFactory, ProxyCalls{[]Call{c.Split(true, Hash{1}, Units(1))}}), proxy.Allow},
		"money to a listed name": {safe(c.Transfer(c.Collateral, friend, Units(5))), p.Allow},
	} {
		if err := c.VetOwnGas(owner, good.call, good.allow); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	refund := ExecTransaction{Call: c.Redeem(false, Hash{1}), GasPrice: Units(1), Signatures: make([]byte, signatureLen)}
	paid := CreateProxy{Payment: Units(1)}
	for name, bad := range map[string]struct {
		call  Call
		allow Allow
	}{
		"theft from the Safe":         {safe(c.Transfer(c.Collateral, Address{9}, Units(5))), p.Allow},
		"theft from the proxy":        {CallOf(c.ProxyFactory, ProxyCalls{[]Call{c.Transfer(c.Collateral, Address{9}, Units(5))}}), proxy.Allow},
		"theft from the account":      {c.Transfer(c.Collateral, Address{9}, Units(5)), eoa.Allow},
		"another's Safe":              {CallOf(Address{9}, ExecTransaction{Call: c.Redeem(false, Hash{1})}), p.Allow},
		"the account's own positions": {c.Split(true, Hash{1}, Units(1)), p.Allow},
		"a Safe that pays":            {CallOf(p.Wallet, refund), p.Allow},
		"creation that pays":          {CallOf(c.SafeFactory, paid), p.Allow},
		"creation elsewhere":          {CallOf(Address{9}, CreateProxy{}), p.Allow},
		"calls of another factory":    {CallOf(Address{9}, ProxyCalls{[]Call{c.Redeem(true, Hash{1})}}), proxy.Allow},
		"a batch of the account":      {CallOf(c.SafeMultiSend, MultiSend{[]Call{c.Redeem(true, Hash{1})}}), eoa.Allow},
		"a deposit wallet's batch":    {CallOf(c.DepositFactory, DepositProxy{}), eoa.Allow},
		"delegatecall of a Safe":      {Call{To: p.Wallet, Data: safe(c.Redeem(false, Hash{1})).Data, Operation: DelegateCall}, p.Allow},
		"delegatecall of the account": {batchOf(c, c.Redeem(true, Hash{1})), eoa.Allow},
		"value beside a Safe's call":  {Call{To: p.Wallet, Value: Units(1), Data: safe(c.Redeem(false, Hash{1})).Data}, p.Allow},
	} {
		if err := c.VetOwnGas(owner, bad.call, bad.allow); err == nil {
			t.Errorf("%s passed", name)
		}
	}
}

func (t SafeTx) ownGas(tb testing.TB, key *Key) Call {
	tb.Helper()
	s, err := SignSafeTx(key, t, func(Address, Leg) error { return errors.New("asked") })
	if err != nil {
		tb.Fatal(err)
	}
	return s.OwnGas()
}

// TestFurtherFunctionsAreAllowedByListOnly: the list opens what this package does not know, not what moves money.
func TestFurtherFunctionsAreAllowedByListOnly(t *testing.T) {
	p, _ := safePolicy(t)
	target := Address{0x77}
	transfer := [4]byte([]byte(selTransfer))
	p.Others = []AllowedCall{{target, [4]byte{1, 2, 3, 4}}, {p.Contracts.Collateral, transfer}, {target, transfer}}
	allow := func(k Call) error {
		_, err := SignSafeTx(mustKey(t, walletKey), SafeTx{Polygon, p.Wallet, k, 1}, p.Allow)
		return err
	}
	if err := allow(Call{To: target, Data: []byte{1, 2, 3, 4, 5}}); err != nil {
		t.Errorf("listed: %v", err)
	}
	for name, k := range map[string]Call{
		"another function": {To: target, Data: []byte{1, 2, 3, 5}}, "another contract": {To: Address{0x78}, Data: []byte{1, 2, 3, 4}},
		"half a selector":   {To: target, Data: []byte{1, 2, 3}},
		"money to anybody":  p.Contracts.Transfer(p.Contracts.Collateral, Address{9}, Units(1)),
		"tokens to anybody": p.Contracts.Transfer(target, Address{9}, Units(1)),
	} {
		if err := allow(k); err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestApprovalsAreAskedGrantedAndRevoked(t *testing.T) {
	t.Run("S2-38 S2-39 without limit, asked for free", approvalsAreAskedGrantedAndRevoked)
}

func approvalsAreAskedGrantedAndRevoked(t *testing.T) {
	c := polygonContracts(t)
	if n := len(c.Approvals()) + len(c.ProtocolApprovals()) + len(c.AutoRedeemApprovals()); n != 16 {
		t.Errorf("%d approvals, want 16", n)
	}
	word := func(v uint256.Int) []byte { b := v.Bytes32(); return b[:] }
	for _, a := range c.Approvals() {
		most, least := MaxAllowance(), Units(0)
		if a.Positions {
			most = Units(1)
		}
		if ok, err := a.Granted(word(most)); err != nil || !ok {
			t.Errorf("%s granted is %t, %v", a.Name, ok, err)
		}
		if ok, err := a.Granted(word(least)); err != nil || ok {
			t.Errorf("%s revoked is %t, %v", a.Name, ok, err)
		}
		if ok, err := a.Granted(nil); err == nil || ok {
			t.Errorf("%s of a contract that is not there is %t", a.Name, ok)
		}
	}
	if ok, err := c.Approvals()[0].Granted(word(Units(1_000_000_000))); err != nil || ok {
		t.Errorf("an allowance that trading uses up counts: %t, %v", ok, err)
	}
	amoy, err := ContractsOn(Amoy)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range amoy.Approvals() {
		if a.Token == (Address{}) || a.Spender == (Address{}) {
			t.Errorf("%s is not on the chain", a.Name)
		}
	}
}

func TestBatchesAreBounded(t *testing.T) {
	c := polygonContracts(t)
	one := c.Redeem(false, Hash{1})
	many := make([]Call, MaxLegs+1)
	for i := range many {
		many[i] = one
	}
	long := Call{To: Address{1}, Data: make([]byte, MaxCalldata-100)}
	for name, calls := range map[string][]Call{"none": nil, "too many": many, "delegatecall": {{To: Address{1}, Operation: DelegateCall}}, "too long": {long, long},
		"just too long": {long, {To: Address{1}}}} {
		if k, err := c.Bundle(calls); !errors.Is(err, ErrBadBatch) {
			t.Errorf("%s: %d bytes, %v", name, len(k.Data), err)
		}
	}
	single, err := c.Bundle([]Call{one})
	if err != nil || single.Operation != PlainCall || single.To != one.To {
		t.Errorf("one call: %+v, %v", single, err)
	}
	k, err := c.Bundle(many[:MaxLegs])
	if err != nil {
		t.Fatal(err)
	}
	if legs, err := c.Legs(k); err != nil || len(legs) != MaxLegs {
		t.Errorf("%d legs come back, %v", len(legs), err)
	}
}

func TestNegRiskQuestionsKnowTheirEvent(t *testing.T) {
	event, index := NegRiskEvent(Hash{1, 30: 2, 31: 7})
	if event != (Hash{1, 30: 2}) || index != 7 {
		t.Errorf("%s, %d", event, index)
	}
}
