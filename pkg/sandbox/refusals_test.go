package sandbox

import (
	"encoding/hex"
	"math/big"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"
)

// Every refusal comes in the venue's own words ({id} stands for the order's id), and leaves nothing behind.
func TestRefusalsAreInTheVenuesWords(t *testing.T) {
	s, base := venue(t, Config{})
	main, second := newTrader(t, base, http.DefaultClient, "main"), newTrader(t, base, http.DefaultClient, "second")
	deposit := newTrader(t, base, http.DefaultClient, "deposit")
	resign := func(w *wire, change func(*wire)) *wire {
		change(w)
		main.seal(w, "sandbox-coin")
		return w
	}
	spoil := func(w *wire, change func(*wire)) *wire { change(w); return w }
	plain := func() *wire { return main.limit("sandbox-coin", 0, "BUY", "0.4", "10") }
	typed := func(w *wire, kind string) *wire { w.OrderType = kind; return w }
	const (
		tick   = "order {id} is invalid. Price (%) breaks minimum tick size rule: 0.01"
		signer = "the order signer address has to be the address of the API KEY"
		wallet = "maker address not allowed, please use the deposit wallet flow"
		form   = "Invalid order payload"
	)
	for name, c := range map[string]struct {
		order *wire
		want  string
	}{
		"owner is another key":    {spoil(plain(), func(w *wire) { w.Owner = second.creds.APIKey }), "the order owner has to be the owner of the API KEY"},
		"signer is another":       {resign(plain(), func(w *wire) { w.Order.Signer = second.account.Address }), signer},
		"deposit of another":      {resign(plain(), func(w *wire) { w.Order.SignatureType = KindDeposit }), signer},
		"amount tampered":         {spoil(plain(), func(w *wire) { w.Order.MakerAmount = "3900000" }), "invalid signature"},
		"signature of another":    {spoil(plain(), func(w *wire) { w.Order.Signature = second.limit("sandbox-coin", 0, "BUY", "0.4", "10").Order.Signature }), "invalid signature"},
		"signature cut":           {spoil(plain(), func(w *wire) { w.Order.Signature = w.Order.Signature[:20] }), "invalid signature"},
		"high s":                  {spoil(plain(), func(w *wire) { w.Order.Signature = highS(t, w.Order.Signature) }), "invalid signature"},
		"kind tampered":           {spoil(plain(), func(w *wire) { w.Order.SignatureType = KindProxy }), "invalid signature"},
		"signed for neg-risk":     {func() *wire { w := plain(); main.sealOn(w, exchangeNegRisk, "2"); return w }(), "invalid signature"},
		"signed for protocol v2":  {func() *wire { w := plain(); main.sealOn(w, exchangeV3, "3"); return w }(), "order_version_mismatch"},
		"safe as proxy":           {resign(plain(), func(w *wire) { w.Order.SignatureType = KindProxy }), wallet},
		"owner as its own wallet": {resign(plain(), func(w *wire) { w.Order.SignatureType, w.Order.Maker = KindEOA, main.account.Address }), wallet},
		"empty wallet": {resign(plain(), func(w *wire) {
			w.Order.SignatureType, w.Order.Maker = KindProxy, funderOf(ownerOf(main), KindProxy).Hex()
		}), "not enough balance / allowance*"},
		"unknown token":            {resign(plain(), func(w *wire) { w.Order.TokenID = "12345" }), "No orderbook exists for the requested token id"},
		"price off the tick":       {main.limit("sandbox-coin", 0, "BUY", "0.405", "10"), strings.Replace(tick, "%", "0.405", 1)},
		"price of one":             {main.limit("sandbox-coin", 0, "BUY", "1", "10"), strings.Replace(tick, "%", "1", 1)},
		"market amounts as GTC":    {main.order("sandbox-coin", 0, "BUY", "9.8039", "5", typeGTC), strings.Replace(tick, "%", "0.5100011220024684", 1)},
		"amount is not price×size": {main.order("sandbox-coin", 0, "SELL", "19.69", "4.33", typeGTC), "invalid amounts, the taker amount for a $0.22 order of size 19.69 should be '4.3318' but the value submited is '4.33'"},
		"three decimals of size":   {main.limit("sandbox-coin", 0, "BUY", "0.4", "10.005"), "invalid amounts, the buy orders maker amount supports a max accuracy of 4 decimals, taker amount a max of 2 decimals"},
		"three decimals sold":      {main.limit("sandbox-coin", 0, "SELL", "0.6", "10.005"), "invalid amounts, the sell orders maker amount supports a max accuracy of 2 decimals, taker amount a max of 4 decimals"},
		"market buy too accurate":  {main.order("sandbox-mill", 0, "BUY", "12.34567", "5", typeFAK), "invalid amounts, the market buy orders maker amount supports a max accuracy of 2 decimals, taker amount a max of 4 decimals"},
		"below the minimum":        {main.limit("sandbox-coin", 0, "BUY", "0.4", "4.99"), "order {id} is invalid. Size (4.99) lower than the minimum: 5"},
		"marketable below a pUSD":  {main.order("sandbox-coin", 0, "BUY", "1.9", "0.99", typeFOK), "invalid amount for a marketable BUY order ($0.99), min size: $1"},
		"more than the balance":    {main.limit("sandbox-coin", 0, "BUY", "0.4", "1000000"), "not enough balance / allowance: the balance is not enough -> balance: 100000000000, sum of active orders: 0, order amount: 400000000000"},
		"more shares than held":    {main.limit("sandbox-coin", 0, "SELL", "0.6", "10001"), "not enough balance / allowance: the balance is not enough -> balance: 10000000000, sum of active orders: 0, order amount: 10001000000"},
		"astronomic amounts":       {resign(plain(), func(w *wire) { w.Order.MakerAmount = strings.Repeat("9", 70) }), "not enough balance / allowance"},
		"amount of nothing":        {resign(plain(), func(w *wire) { w.Order.TakerAmount = "0" }), "invalid amounts, maker and taker amount must be greater than 0"},
		"GTD too near":             {resign(plain(), func(w *wire) { w.OrderType, w.Order.Expiration = typeGTD, unixIn(170*time.Second) }), "invalid expiration"},
		"GTC with an expiration":   {resign(plain(), func(w *wire) { w.Order.Expiration = unixIn(time.Hour) }), "invalid expiration"},
		"post-only that crosses":   {spoil(main.limit("sandbox-coin", 0, "BUY", "0.52", "10"), func(w *wire) { w.PostOnly = true }), "invalid post-only order: order crosses book"},
		"post-only FOK":            {spoil(typed(plain(), typeFOK), func(w *wire) { w.PostOnly = true }), "invalid post-only order: only GTC and GTD orders can be post-only"},
		"FOK without enough":       {typed(main.limit("sandbox-coin", 0, "BUY", "0.52", "5000"), typeFOK), "order couldn't be fully filled. FOK orders are fully filled or killed."},
		"FAK without anything":     {typed(plain(), typeFAK), "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."},
		"unknown order type":       {typed(plain(), "IOC"), form},
		"unknown side":             {spoil(plain(), func(w *wire) { w.Order.Side = "HOLD" }), form},
		"unknown wallet kind":      {spoil(plain(), func(w *wire) { w.Order.SignatureType = 4 }), form},
		"salt beyond JSON":         {spoil(plain(), func(w *wire) { w.Order.Salt = 1 << 53 }), form},
		"negative salt":            {spoil(plain(), func(w *wire) { w.Order.Salt = -1 }), form},
		"amount is not a number":   {spoil(plain(), func(w *wire) { w.Order.MakerAmount = "4e6" }), form},
		"metadata of 31 bytes":     {spoil(plain(), func(w *wire) { w.Order.Metadata = zeroBuilder[:64] }), form},
	} {
		p := main.post(c.order)
		want := strings.ReplaceAll(c.want, "{id}", c.order.id)
		if p.Success || p.ErrorMsg != want && !(strings.HasSuffix(want, "*") && strings.HasPrefix(p.ErrorMsg, want[:len(want)-1])) {
			t.Errorf("%s: %+v, want %q", name, p, want)
		}
	}
	for name, body := range map[string]string{"no JSON": "{", "salt as text": strings.Replace(plain().json(), `"salt":`, `"salt":"`, 1), "array": "[]",
		"amount as number": strings.Replace(plain().json(), `"makerAmount":"4000000"`, `"makerAmount":4000000`, 1), "empty": ""} {
		if status, text := main.call("POST", "/order", body); status != 400 || text != `{"error":"Invalid order payload"}` {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	if p := deposit.post(spoil(deposit.limit("sandbox-coin", 0, "BUY", "0.4", "10"), func(w *wire) {
		w.Order.Signature = w.Order.Signature[:len(w.Order.Signature)-2] + "bb"
	})); p.ErrorMsg != "invalid signature" {
		t.Errorf("wrong type length of a deposit signature: %+v", p)
	}
	s.checkBooks(t)
	if n := len(s.resting(func(o *order) bool { return !o.quote })); n != 0 || main.balance("") != int64(fundedCash) {
		t.Errorf("refused orders left %d resting and %d cash", n, main.balance(""))
	}
}

func unixIn(d time.Duration) string { return strconv.FormatInt(time.Now().Add(d).Unix(), 10) }

// highS is the other, equally valid form of a signature, which the contracts refuse.
func highS(t *testing.T, sig string) string {
	t.Helper()
	b := hexutil.MustDecode(sig)
	n := crypto.S256().Params().N
	s := new(big.Int).Sub(n, bigOf(b[32:64]))
	s.FillBytes(b[32:64])
	b[64] = 55 - b[64]
	return "0x" + hex.EncodeToString(b)
}

func TestRepeatedOrderIsDuplicated(t *testing.T) {
	_, base := venue(t, Config{})
	tr := newTrader(t, base, http.DefaultClient, "main")
	live, filled := tr.limit("sandbox-coin", 0, "BUY", "0.4", "10"), tr.limit("sandbox-coin", 0, "BUY", "0.52", "10")
	killed := tr.limit("sandbox-coin", 0, "BUY", "0.4", "10")
	killed.OrderType = typeFOK
	tr.must(live, "live")
	tr.must(filled, "matched")
	tr.post(killed)
	for _, w := range []*wire{live, filled, killed} {
		if p := tr.post(w); p.ErrorMsg != "order "+w.id+" is invalid. Duplicated." {
			t.Errorf("again: %+v", p)
		}
	}
}

func TestWrongCredentialsAreUnauthorized(t *testing.T) {
	_, base := venue(t, Config{})
	tr := newTrader(t, base, http.DefaultClient, "main")
	good := tr.headers("GET", "/data/orders", "")
	for name, change := range map[string]map[string]string{
		"no key": {"POLY_API_KEY": ""}, "another key": {"POLY_API_KEY": newTrader(t, base, http.DefaultClient, "second").creds.APIKey},
		"wrong secret": {"POLY_SIGNATURE": "AAAA"}, "wrong passphrase": {"POLY_PASSPHRASE": "x"},
		"another address": {"POLY_ADDRESS": Accounts()[1].Address}, "old": {"POLY_TIMESTAMP": unixIn(-time.Hour)},
	} {
		h := map[string]string{}
		for k, v := range good {
			h[k] = v
		}
		for k, v := range change {
			h[k] = v
		}
		if status, body := tr.send("GET", "/data/orders", "", h); status != 401 || body != `{"error":"Unauthorized/Invalid api key"}` {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	std := strings.NewReplacer("-", "+", "_", "/").Replace(good["POLY_SIGNATURE"])
	good["POLY_SIGNATURE"] = std
	if status, body := tr.send("GET", "/data/orders?market=x", "", good); status != 200 {
		t.Errorf("standard alphabet, query not signed: %d %s", status, body)
	}
}

// The same nonce means the same credentials for ever; a deleted key's nonce is spent.
func TestCredentialsBelongToANonce(t *testing.T) {
	_, base := venue(t, Config{})
	_, other := venue(t, Config{})
	tr := newTrader(t, base, http.DefaultClient, "main")
	if again := newTrader(t, other, http.DefaultClient, "main"); again.creds != tr.creds {
		t.Error("another start gave other credentials")
	}
	if status, body := tr.login("POST", "/auth/api-key", "0"); status != 400 || body != `{"error":"Could not create api key"}` {
		t.Errorf("create twice: %d %s", status, body)
	}
	status, body := tr.login("POST", "/auth/api-key", "7")
	var seventh credentials
	tr.read(body, &seventh)
	if status != 200 || seventh == tr.creds || seventh.APIKey == "" {
		t.Errorf("nonce 7: %d %s", status, body)
	}
	if status, body := tr.call("DELETE", "/auth/api-key", ""); status != 200 || body != `"OK"` {
		t.Errorf("delete: %d %s", status, body)
	}
	if status, _ := tr.call("GET", "/data/orders", ""); status != 401 {
		t.Errorf("deleted key answers %d", status)
	}
	if status, body := tr.login("GET", "/auth/derive-api-key", "0"); status != 400 || body != `{"error":"Could not derive api key!"}` {
		t.Errorf("derive deleted: %d %s", status, body)
	}
	tr.creds = seventh
	if status, body := tr.call("GET", "/auth/api-keys", ""); status != 200 || body != `{"apiKeys":["`+seventh.APIKey+`"]}` {
		t.Errorf("keys: %d %s", status, body)
	}
	tr.account.PrivateKey = Accounts()[1].PrivateKey
	if status, body := tr.login("POST", "/auth/api-key", "9"); status != 401 || body != `{"error":"Invalid L1 Request headers"}` {
		t.Errorf("signed by another: %d %s", status, body)
	}
}
