package sandbox

import (
	"encoding/json"
	"math/big"
	"os"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
)

// vectors were made by the venue's own client packages.
type vectors struct {
	Address string
	Orders  []struct {
		NegRisk       bool
		DomainVersion string
		Order         struct {
			Salt, Maker, Signer, TokenID, MakerAmount, TakerAmount, Side, Timestamp, Metadata, Builder string
			SignatureType                                                                              int
		}
		OrderID, StructHash, Signature string
	}
	HMAC    []struct{ Secret, Message, Signature string }
	Logins  []struct{ Timestamp, Nonce, Signature string }
	Wallets []struct {
		Owner, Safe, Proxy string
		Deposit            string `json:"deposit_beacon_137"`
	}
	Books []struct {
		Canonical json.RawMessage `json:"canonical_json"`
		Expected  string          `json:"expected_hash"`
	}
}

func readVectors(t *testing.T) (v vectors) {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestOfficialClientsSignaturesHold(t *testing.T) {
	v := readVectors(t)
	owner := common.HexToAddress(v.Address)
	kinds := map[int]int{}
	for _, c := range v.Orders {
		o := c.Order
		big10 := func(s string) *big.Int { n, _ := new(big.Int).SetString(s, 10); return n }
		signed := signedOrder{
			salt: big10(o.Salt), tokenID: big10(o.TokenID), makerAmount: big10(o.MakerAmount), takerAmount: big10(o.TakerAmount),
			timestamp: big10(o.Timestamp), maker: common.HexToAddress(o.Maker), signer: common.HexToAddress(o.Signer),
			kind: o.SignatureType, metadata: hexutil.MustDecode(o.Metadata), builder: hexutil.MustDecode(o.Builder),
		}
		if o.Side == "SELL" {
			signed.side = 1
		}
		e := newExchange(exchangeRegular, "2")
		if c.NegRisk {
			e = newExchange(exchangeNegRisk, "2")
		}
		if c.DomainVersion == "3" {
			e = newExchange(exchangeV3, "3")
		}
		structHash, id, err := e.digest(signed)
		if err != nil || hexutil.Encode(id) != c.OrderID || hexutil.Encode(structHash) != c.StructHash {
			t.Errorf("order %s: digest %s, %v", c.OrderID, hexutil.Encode(id), err)
		}
		sig := hexutil.MustDecode(c.Signature)
		if err := e.check(signed, structHash, id, sig, owner); err != nil {
			t.Errorf("order %s of kind %d: %v", c.OrderID, o.SignatureType, err)
		}
		for i := range sig { // each byte counts
			sig[i] ^= 1
			if e.check(signed, structHash, id, sig, owner) == nil {
				t.Errorf("order %s of kind %d: still valid with byte %d changed", c.OrderID, o.SignatureType, i)
			}
			sig[i] ^= 1
			if i == 70 && o.SignatureType != KindDeposit {
				break
			}
		}
		kinds[o.SignatureType]++
	}
	if len(kinds) != 4 {
		t.Errorf("vectors of kinds %v only", kinds)
	}
}

func TestOfficialClientsLoginsAndSealsHold(t *testing.T) {
	v := readVectors(t)
	for _, l := range v.Logins {
		nonce, _ := new(big.Int).SetString(l.Nonce, 10)
		if err := checkLogin(common.HexToAddress(v.Address), l.Timestamp, nonce, hexutil.MustDecode(l.Signature)); err != nil {
			t.Errorf("login with nonce %s: %v", l.Nonce, err)
		}
		if checkLogin(common.HexToAddress(v.Address), l.Timestamp, new(big.Int).Add(nonce, big.NewInt(1)), hexutil.MustDecode(l.Signature)) == nil {
			t.Errorf("login with nonce %s holds for the next nonce", l.Nonce)
		}
	}
	for _, h := range v.HMAC {
		want, err := decodeBase64(h.Signature)
		if err != nil || string(sealOf(h.Secret, h.Message)) != string(want) {
			t.Errorf("seal of %q differs", h.Message)
		}
	}
}

func TestFundersAreTheVenuesWallets(t *testing.T) {
	for _, w := range readVectors(t).Wallets {
		owner := common.HexToAddress(w.Owner)
		for kind, want := range map[int]string{KindEOA: w.Owner, KindProxy: w.Proxy, KindSafe: w.Safe, KindDeposit: w.Deposit} {
			if got := funderOf(owner, kind); !strings.EqualFold(got.Hex(), want) {
				t.Errorf("kind %d of %s: %s, want %s", kind, w.Owner, got, want)
			}
		}
	}
}

// The hash that the sandbox puts into a book is the one that a client computes from it.
func TestBookHashIsTheClientsRecipe(t *testing.T) {
	for _, b := range readVectors(t).Books {
		var text string
		if err := json.Unmarshal(b.Canonical, &text); err != nil {
			t.Fatal(err)
		}
		var book wireBook
		if err := json.Unmarshal([]byte(text), &book); err != nil {
			t.Fatal(err)
		}
		if got := hashOf(book); got != b.Expected {
			t.Errorf("hash %s, want %s", got, b.Expected)
		}
	}
}
