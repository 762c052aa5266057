package polymarket

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/big"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/ethereum/go-ethereum/common/math"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/signer/core/apitypes"

	"sluice/pkg/money"
)

type orderFile struct {
	PrivateKey string `json:"private_key"`
	Creds      jsonCreds
	Wallets    map[string]string
	Vectors    []orderVector
}

type orderVector struct {
	N     int
	Input struct {
		Tick, Side, Kind, OrderType, DomainVersion, Price, Quantity string
		NegRisk, PostOnly, DeferExec                                bool
		ChainID                                                     uint64
	}
	Order struct {
		Salt, Maker, Signer, TokenID, MakerAmount, TakerAmount, Side, Timestamp, Metadata, Builder, Expiration string
		SignatureType                                                                                          WalletKind
	}
	VerifyingContract, DomainSeparator, StructHash, OrderID, TypedDataSignDigest, InnerSignature, Signature string
	Post                                                                                                    struct {
		Path       string
		TimestampS int64 `json:"timestamp_s"`
		Body       string
		Headers    map[string]string
	}
}

// UnmarshalJSON lets the vectors carry the kind as the wire's number.
func (v *orderVector) UnmarshalJSON(b []byte) error {
	type plain orderVector
	raw := bytes.ReplaceAll(b, []byte(`"signatureType": `), []byte(`"signatureType":`))
	for k := range 4 {
		n := strconv.Itoa(k)
		raw = bytes.ReplaceAll(raw, []byte(`"signatureType":`+n), []byte(`"signatureType":"`+n+`"`))
	}
	return json.Unmarshal(raw, (*plain)(v))
}

func (v *orderVector) domain() Domain {
	return Domain{ChainID: v.Input.ChainID, Version: v.Input.DomainVersion, NegRisk: v.Input.NegRisk}
}

func (v *orderVector) order(t testing.TB) Order {
	t.Helper()
	n := func(s string) int64 {
		i, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	o := v.Order
	return Order{Salt: uint64(n(o.Salt)), Maker: mustAddress(t, o.Maker), Signer: mustAddress(t, o.Signer), TokenID: mustToken(t, o.TokenID),
		MakerAmount: n(o.MakerAmount), TakerAmount: n(o.TakerAmount), Side: Side(o.Side), SignatureType: o.SignatureType,
		TimestampMS: n(o.Timestamp), Metadata: mustHash(t, o.Metadata), Builder: mustHash(t, o.Builder), Expiration: n(o.Expiration)}
}

// Each order of the official client comes out byte for byte: hash, id, signature, body, headers; and is accepted back.
func TestOrdersEqualTheOfficialClients(t *testing.T) {
	f := vectors[orderFile](t, "orders_v2.json")
	key := mustKey(t, f.PrivateKey)
	polygon, err := ContractsOn(Polygon)
	if err != nil {
		t.Fatal(err)
	}
	proxy, _ := polygon.ProxyWallet(key.Address())
	_, deposit := polygon.DepositWallets(key.Address())
	makers := map[WalletKind]string{EOA: key.Address().Hex(), Proxy: f.Wallets["proxy"], Safe: f.Wallets["safe"], Deposit: f.Wallets["deposit"]}
	if makers[Proxy] != proxy.Hex() || makers[Safe] != polygon.SafeWallet(key.Address()).Hex() || makers[Deposit] != deposit.Hex() {
		t.Errorf("wallets %v of %s", makers, key.Address())
	}
	seen := map[WalletKind]int{}
	for _, v := range some(t, f.Vectors) {
		o, d := v.order(t), v.domain()
		if seen[o.SignatureType]++; o.Maker.Hex() != makers[o.SignatureType] {
			t.Errorf("%d: maker %s of a %s", v.N, o.Maker, o.SignatureType)
		}
		contract, err := d.Exchange()
		if err != nil || contract.Hex() != v.VerifyingContract {
			t.Fatalf("%d: exchange %s, %v; want %s", v.N, contract, err, v.VerifyingContract)
		}
		if sep, _ := d.Separator(); sep.Hex() != v.DomainSeparator {
			t.Errorf("%d: separator %s, want %s", v.N, sep, v.DomainSeparator)
		}
		if h := o.structHash(); h.Hex() != v.StructHash {
			t.Errorf("%d: struct hash %s, want %s", v.N, h, v.StructHash)
		}
		s, err := Sign(key, o, d)
		if err != nil {
			t.Fatalf("%d: %v", v.N, err)
		}
		if id, err := o.Hash(d); err != nil || id != s.ID || id.Hex() != v.OrderID {
			t.Errorf("%d: id %s / %s, %v; want %s", v.N, id, s.ID, err, v.OrderID)
		}
		if hex0x(s.Signature) != v.Signature {
			t.Errorf("%d: signature %x, want %s", v.N, s.Signature, v.Signature)
		}
		if o.SignatureType == Deposit {
			sep, _ := d.Separator()
			if h := nestedDigest(sep, o.structHash(), o.Signer, d.ChainID); h.Hex() != v.TypedDataSignDigest {
				t.Errorf("%d: nested digest %s, want %s", v.N, h, v.TypedDataSignDigest)
			}
			if got := hex0x(s.Signature[:65]); got != v.InnerSignature {
				t.Errorf("%d: inner signature %s, want %s", v.N, got, v.InnerSignature)
			}
		}
		body := PostBody(Envelope{Order: s, Owner: f.Creds.Key, Type: OrderType(v.Input.OrderType), PostOnly: v.Input.PostOnly, DeferExec: v.Input.DeferExec})
		if string(body) != v.Post.Body {
			t.Errorf("%d: body\n%s\nwant\n%s", v.N, body, v.Post.Body)
		}
		sameHeaders(t, strconv.Itoa(v.N), L2Headers(f.Creds.creds(), key.Address(), v.Post.TimestampS, "POST", v.Post.Path, body), v.Post.Headers)
		if id, err := VerifyOrder(o, s.Signature, d, key.Address()); err != nil || id != s.ID {
			t.Errorf("%d: verify: %s, %v", v.N, id, err)
		}
	}
	if len(seen) != 4 {
		t.Errorf("wallet kinds in the vectors: %v, want all four", seen)
	}
}

// Whatever is changed in a signed order, the signature no longer verifies.
func TestTamperedOrderIsRefused(t *testing.T) {
	f := vectors[orderFile](t, "orders_v2.json")
	key := mustKey(t, f.PrivateKey)
	for kind := EOA; kind <= Deposit; kind++ {
		s, d := signedOfKind(t, f, kind)
		for name, change := range map[string]func(*Order, []byte, *Domain){
			"salt":      func(o *Order, _ []byte, _ *Domain) { o.Salt++ },
			"token":     func(o *Order, _ []byte, _ *Domain) { o.TokenID[31]++ },
			"amount":    func(o *Order, _ []byte, _ *Domain) { o.MakerAmount-- },
			"taker":     func(o *Order, _ []byte, _ *Domain) { o.TakerAmount++ },
			"time":      func(o *Order, _ []byte, _ *Domain) { o.TimestampMS++ },
			"builder":   func(o *Order, _ []byte, _ *Domain) { o.Builder[0]++ },
			"domain":    func(_ *Order, _ []byte, d *Domain) { d.NegRisk = !d.NegRisk },
			"version":   func(_ *Order, _ []byte, d *Domain) { d.Version = VersionProtocol },
			"r":         func(_ *Order, sig []byte, _ *Domain) { sig[3]++ },
			"v":         func(_ *Order, sig []byte, _ *Domain) { sig[64] -= 27 },
			"high s":    func(_ *Order, sig []byte, _ *Domain) { flipS(sig) },
			"last byte": func(_ *Order, sig []byte, _ *Domain) { sig[len(sig)-1]++ },
		} {
			o, dd, sig := s.Order, d, bytes.Clone(s.Signature)
			change(&o, sig, &dd)
			if _, err := VerifyOrder(o, sig, dd, key.Address()); err == nil {
				t.Errorf("%s: changed %s passed", kind, name)
			}
		}
		if _, err := VerifyOrder(s.Order, s.Signature, d, Address{1}); err == nil {
			t.Errorf("%s: another owner passed", kind)
		}
		if _, err := VerifyOrder(s.Order, nil, d, key.Address()); err == nil {
			t.Errorf("%s: no signature passed", kind)
		}
	}
}

// flipS turns a signature into its high-s twin, which bare key recovery would accept.
func flipS(sig []byte) {
	s := new(big.Int).SetBytes(sig[32:64])
	s.Sub(crypto.S256().Params().N, s).FillBytes(sig[32:64])
	sig[64] = 27 + 28 - sig[64]
}

func signedOfKind(t testing.TB, f orderFile, kind WalletKind) (SignedOrder, Domain) {
	t.Helper()
	for _, v := range f.Vectors {
		if v.Order.SignatureType == kind {
			s, err := Sign(mustKey(t, f.PrivateKey), v.order(t), v.domain())
			if err != nil {
				t.Fatal(err)
			}
			return s, v.domain()
		}
	}
	t.Fatalf("no vector of kind %s", kind)
	return SignedOrder{}, Domain{}
}

func TestUnknownDomainIsNeverSigned(t *testing.T) {
	f := vectors[orderFile](t, "orders_v2.json")
	s, _ := signedOfKind(t, f, EOA)
	for _, d := range []Domain{{}, {ChainID: Polygon}, {ChainID: Polygon, Version: "1"}, {ChainID: Polygon, Version: "4"}, {ChainID: 1, Version: "2"}} {
		if _, err := Sign(mustKey(t, f.PrivateKey), s.Order, d); !errors.Is(err, ErrUnknownDomain) {
			t.Errorf("%+v: %v", d, err)
		}
	}
}

func TestOrderThatCannotBeValidIsNotSigned(t *testing.T) {
	f := vectors[orderFile](t, "orders_v2.json")
	key := mustKey(t, f.PrivateKey)
	for kind := EOA; kind <= Deposit; kind++ {
		s, d := signedOfKind(t, f, kind)
		for name, change := range map[string]func(*Order){
			"salt":       func(o *Order) { o.Salt = MaxSalt + 1 },
			"maker":      func(o *Order) { o.Maker = Address{} },
			"signer":     func(o *Order) { o.Signer = Address{9} },
			"amount":     func(o *Order) { o.MakerAmount = 0 },
			"negative":   func(o *Order) { o.TakerAmount = -1 },
			"side":       func(o *Order) { o.Side = "buy" },
			"kind":       func(o *Order) { o.SignatureType = 4 },
			"time":       func(o *Order) { o.TimestampMS = 0 },
			"expiration": func(o *Order) { o.Expiration = -1 },
		} {
			o := s.Order
			change(&o)
			if _, err := Sign(key, o, d); !errors.Is(err, ErrBadOrder) {
				t.Errorf("%s, %s: %v", kind, name, err)
			}
		}
	}
}

// The hand-laid hashing agrees with go-ethereum's generic typed-data code on orders drawn at random.
func TestHashAgreesWithTypedData(t *testing.T) {
	for range 300 {
		o, d := randomOrder(), randomDomain()
		contract, err := d.Exchange()
		if err != nil {
			t.Fatal(err)
		}
		typed := typedOrder(o, d, contract)
		want, _, err := apitypes.TypedDataAndHash(typed)
		if err != nil {
			t.Fatal(err)
		}
		got, err := o.Hash(d)
		if err != nil || !bytes.Equal(got[:], want) {
			t.Fatalf("%+v in %+v: %s, %v; want %x", o, d, got, err, want)
		}
		sep, _ := d.Separator()
		nested, _, err := apitypes.TypedDataAndHash(typedNested(typed, o.Signer, d))
		if err != nil {
			t.Fatal(err)
		}
		if got := nestedDigest(sep, o.structHash(), o.Signer, d.ChainID); !bytes.Equal(got[:], nested) {
			t.Fatalf("nested: %s, want %x", got, nested)
		}
	}
}

// The constants written out as bytes are the hashes of the texts beside them.
func TestConstantHashesAreTheHashesOfTheirTexts(t *testing.T) {
	for text, want := range map[string]string{orderType: orderTypeHash, nestedType: nestedTypeHash, authType: authTypeHash,
		depositName: depositNameHash, depositVersion: depositVersionHash,
		"EIP712Domain(string name,string version,uint256 chainId)": domainTypeHash3} {
		if got := crypto.Keccak256([]byte(text)); string(got) != want {
			t.Errorf("%s: %x, written %x", text, got, want)
		}
	}
	if len(orderType) != 186 || nestedBlobLen != 317 {
		t.Errorf("lengths %d, %d", len(orderType), nestedBlobLen)
	}
}

// A limit order of the official client has our amounts. Where its floating point has lost a unit of a large order, which the venue
// then refuses, ours are price × size all the same.
func TestAmountsOfVectorsFollowTheSizes(t *testing.T) {
	f := vectors[orderFile](t, "orders_v2.json")
	equal := 0
	for _, v := range some(t, f.Vectors) {
		if v.Input.Kind != "limit" {
			continue
		}
		tick, err := ParseTick(v.Input.Tick)
		if err != nil {
			t.Fatal(err)
		}
		price := mustMicro[money.Price](t, v.Input.Price)
		m, k, err := LimitAmounts(Side(v.Input.Side), price, mustMicro[money.Size](t, v.Input.Quantity), tick)
		o := v.order(t)
		shares, cash, theirShares, theirCash := k, m, o.TakerAmount, o.MakerAmount
		if o.Side == Sell {
			shares, cash, theirShares, theirCash = m, k, o.MakerAmount, o.TakerAmount
		}
		switch exact := costs(shares, price, cash); {
		case err != nil || !exact || shares != theirShares:
			t.Errorf("%d: %d/%d, %v; exact: %v; want %d/%d", v.N, m, k, err, exact, o.MakerAmount, o.TakerAmount)
		case cash == theirCash:
			equal++
		case costs(theirShares, price, theirCash):
			t.Errorf("%d: %d for %d shares, the official client has %d", v.N, cash, shares, theirCash)
		}
	}
	if equal == 0 {
		t.Error("no order has the official client's amounts")
	}
}

// costs reports whether shares at price are exactly cash.
func costs(shares int64, price money.Price, cash int64) bool {
	paid := new(big.Int).Mul(big.NewInt(shares), big.NewInt(int64(price)))
	return paid.Cmp(new(big.Int).Mul(big.NewInt(cash), big.NewInt(money.Unit))) == 0
}

func randomOrder() Order {
	o := Order{Salt: NewSalt(), MakerAmount: 1 + rand.Int64(), TakerAmount: 1 + rand.Int64(), Side: Buy, SignatureType: WalletKind(rand.IntN(4)),
		TimestampMS: 1 + rand.Int64()}
	for _, b := range [][]byte{o.Maker[:], o.Signer[:], o.TokenID[:], o.Metadata[:], o.Builder[:]} {
		for i := range b {
			b[i] = byte(rand.Uint32())
		}
	}
	if rand.IntN(2) == 0 {
		o.Side = Sell
	}
	if o.selfSigned() {
		o.Maker = o.Signer
	}
	return o
}

func randomDomain() Domain {
	return Domain{ChainID: []uint64{Polygon, Amoy}[rand.IntN(2)], Version: []string{VersionCLOB, VersionProtocol}[rand.IntN(2)], NegRisk: rand.IntN(2) == 0}
}

func typedOrder(o Order, d Domain, contract Address) apitypes.TypedData {
	side := "0"
	if o.Side == Sell {
		side = "1"
	}
	return apitypes.TypedData{
		PrimaryType: "Order",
		Types: apitypes.Types{
			"EIP712Domain": {{Name: "name", Type: "string"}, {Name: "version", Type: "string"}, {Name: "chainId", Type: "uint256"}, {Name: "verifyingContract", Type: "address"}},
			"Order": {{Name: "salt", Type: "uint256"}, {Name: "maker", Type: "address"}, {Name: "signer", Type: "address"}, {Name: "tokenId", Type: "uint256"},
				{Name: "makerAmount", Type: "uint256"}, {Name: "takerAmount", Type: "uint256"}, {Name: "side", Type: "uint8"}, {Name: "signatureType", Type: "uint8"},
				{Name: "timestamp", Type: "uint256"}, {Name: "metadata", Type: "bytes32"}, {Name: "builder", Type: "bytes32"}},
		},
		Domain: apitypes.TypedDataDomain{Name: exchangeName, Version: d.Version, ChainId: math.NewHexOrDecimal256(int64(d.ChainID)), VerifyingContract: contract.Hex()},
		Message: apitypes.TypedDataMessage{"salt": strconv.FormatUint(o.Salt, 10), "maker": o.Maker.Hex(), "signer": o.Signer.Hex(), "tokenId": o.TokenID.String(),
			"makerAmount": strconv.FormatInt(o.MakerAmount, 10), "takerAmount": strconv.FormatInt(o.TakerAmount, 10), "side": side,
			"signatureType": strconv.Itoa(int(o.SignatureType)), "timestamp": strconv.FormatInt(o.TimestampMS, 10), "metadata": o.Metadata[:], "builder": o.Builder[:]},
	}
}

func typedNested(order apitypes.TypedData, wallet Address, d Domain) apitypes.TypedData {
	n := order
	n.PrimaryType = "TypedDataSign"
	n.Types = apitypes.Types{"EIP712Domain": order.Types["EIP712Domain"], "Order": order.Types["Order"],
		"TypedDataSign": {{Name: "contents", Type: "Order"}, {Name: "name", Type: "string"}, {Name: "version", Type: "string"}, {Name: "chainId", Type: "uint256"},
			{Name: "verifyingContract", Type: "address"}, {Name: "salt", Type: "bytes32"}}}
	n.Message = apitypes.TypedDataMessage{"contents": order.Message, "name": depositName, "version": depositVersion, "chainId": strconv.FormatUint(d.ChainID, 10),
		"verifyingContract": wallet.Hex(), "salt": make([]byte, 32)}
	return n
}
