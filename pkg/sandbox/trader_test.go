package sandbox

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"

	"sluice/pkg/money"
)

// trader is a client of the sandbox in tests: one account with its credentials.
type trader struct {
	t       testing.TB
	base    string
	client  *http.Client
	account Account
	creds   credentials
	salt    int64
}

// venue starts a sandbox on a loopback listener.
func venue(t testing.TB, cfg Config) (*Sandbox, string) {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(func() { s.CutSockets(); srv.Close(); s.Close() })
	return s, srv.URL
}

func newTrader(t testing.TB, base string, client *http.Client, name string) *trader {
	t.Helper()
	accounts := Accounts()
	i := slices.IndexFunc(accounts, func(a Account) bool { return a.Name == name })
	tr := &trader{t: t, base: base, client: client, account: accounts[i]}
	status, body := tr.login("POST", "/auth/api-key", "0")
	if status == http.StatusBadRequest {
		status, body = tr.login("GET", "/auth/derive-api-key", "0")
	}
	if status != http.StatusOK {
		t.Fatalf("credentials of %s: %d %s", name, status, body)
	}
	tr.read(body, &tr.creds)
	return tr
}

func (tr *trader) read(text string, into any) {
	tr.t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		tr.t.Fatalf("read %q: %v", text, err)
	}
}

func (tr *trader) login(method, path, nonce string) (int, string) {
	tr.t.Helper()
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	n, _ := new(big.Int).SetString(nonce, 10)
	digest := crypto.Keccak256([]byte{0x19, 0x01},
		crypto.Keccak256(crypto.Keccak256([]byte("EIP712Domain(string name,string version,uint256 chainId)")),
			crypto.Keccak256([]byte("ClobAuthDomain")), crypto.Keccak256([]byte("1")), word(big.NewInt(chainID).Bytes())),
		crypto.Keccak256(crypto.Keccak256([]byte("ClobAuth(address address,string timestamp,uint256 nonce,string message)")),
			word(common.FromHex(tr.account.Address)), crypto.Keccak256([]byte(stamp)), word(n.Bytes()), crypto.Keccak256([]byte(loginMessage))))
	return tr.send(method, path, "", map[string]string{
		"POLY_ADDRESS": tr.account.Address, "POLY_TIMESTAMP": stamp, "POLY_NONCE": nonce, "POLY_SIGNATURE": hexutil.Encode(tr.sign(digest)),
	})
}

func (tr *trader) sign(digest []byte) []byte {
	key, err := crypto.HexToECDSA(tr.account.PrivateKey[2:])
	if err != nil {
		tr.t.Fatal(err)
	}
	sig, err := crypto.Sign(digest, key)
	if err != nil {
		tr.t.Fatal(err)
	}
	sig[64] += 27
	return sig
}

func (tr *trader) send(method, path, body string, header map[string]string) (int, string) {
	tr.t.Helper()
	status, text, err := tr.try(method, path, body, header)
	if err != nil {
		tr.t.Fatalf("%s %s: %v", method, path, err)
	}
	return status, text
}

func (tr *trader) try(method, path, body string, header map[string]string) (int, string, error) {
	tr.t.Helper()
	req, err := http.NewRequest(method, tr.base+path, strings.NewReader(body))
	if err != nil {
		tr.t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = []string{v}
	}
	res, err := tr.client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}

// headers signs a private request with code that shares nothing with the sandbox's.
func (tr *trader) headers(method, path, body string) map[string]string {
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	path, _, _ = strings.Cut(path, "?")
	secret, err := base64.URLEncoding.DecodeString(tr.creds.Secret)
	if err != nil {
		tr.t.Fatal(err)
	}
	mac := hmac.New(sha256.New, secret)
	io.WriteString(mac, stamp+method+path+body)
	return map[string]string{
		"POLY_ADDRESS": tr.account.Address, "POLY_TIMESTAMP": stamp, "POLY_API_KEY": tr.creds.APIKey, "POLY_PASSPHRASE": tr.creds.Passphrase,
		"POLY_SIGNATURE": base64.URLEncoding.EncodeToString(mac.Sum(nil)),
	}
}

// call makes a private request.
func (tr *trader) call(method, path, body string) (int, string) {
	tr.t.Helper()
	return tr.send(method, path, body, tr.headers(method, path, body))
}

// wire is an order envelope that tests can spoil before or after signing.
type wire struct {
	Order struct {
		Salt          int64  `json:"salt"`
		Maker         string `json:"maker"`
		Signer        string `json:"signer"`
		TokenID       string `json:"tokenId"`
		MakerAmount   string `json:"makerAmount"`
		TakerAmount   string `json:"takerAmount"`
		Side          string `json:"side"`
		SignatureType int    `json:"signatureType"`
		Timestamp     string `json:"timestamp"`
		Expiration    string `json:"expiration"`
		Metadata      string `json:"metadata"`
		Builder       string `json:"builder"`
		Signature     string `json:"signature"`
	} `json:"order"`
	Owner     string `json:"owner"`
	OrderType string `json:"orderType"`
	PostOnly  bool   `json:"postOnly"`
	id        string
}

func (w *wire) json() string { return string(mustJSON(w)) }

func marketOf(slug string) Market {
	all := Markets()
	return all[slices.IndexFunc(all, func(m Market) bool { return m.Slug == slug })]
}

// order builds and signs an order: shares and pUSD as decimals, so that tests can send what they like.
func (tr *trader) order(slug string, outcome int, side, shares, cash, kind string) *wire {
	tr.t.Helper()
	w := &wire{Owner: tr.creds.APIKey, OrderType: kind}
	tr.salt++
	o := &w.Order
	o.Salt, o.Maker, o.Signer, o.SignatureType = tr.salt, tr.account.Funder, tr.account.Address, tr.account.SignatureType
	if o.SignatureType == KindDeposit {
		o.Signer = tr.account.Funder
	}
	o.TokenID, o.Side, o.Expiration = marketOf(slug).Tokens[outcome], side, "0"
	o.MakerAmount, o.TakerAmount = micro(tr.t, cash), micro(tr.t, shares)
	if side == "SELL" {
		o.MakerAmount, o.TakerAmount = o.TakerAmount, o.MakerAmount
	}
	o.Timestamp, o.Metadata, o.Builder = strconv.FormatInt(time.Now().UnixMilli(), 10), zeroBuilder, zeroBuilder
	tr.seal(w, slug)
	return w
}

// limit is an order at price × size.
func (tr *trader) limit(slug string, outcome int, side, price, size string) *wire {
	tr.t.Helper()
	p, errP := money.Parse[money.Price](price)
	n, errN := money.Parse[money.Size](size)
	cash, errC := money.Cost(n, p, money.Down)
	if errP != nil || errN != nil || errC != nil {
		tr.t.Fatal(errP, errN, errC)
	}
	return tr.order(slug, outcome, side, size, cash.String(), typeGTC)
}

func micro(t testing.TB, s string) string {
	t.Helper()
	v, err := money.Parse[money.Cash](s)
	if err != nil {
		t.Fatal(err)
	}
	return strconv.FormatInt(int64(v), 10)
}

// seal signs the envelope as it stands, by hand-built EIP-712 encoding.
func (tr *trader) seal(w *wire, slug string) {
	tr.t.Helper()
	contract := exchangeRegular
	if marketOf(slug).NegRisk {
		contract = exchangeNegRisk
	}
	tr.sealOn(w, contract, "2")
}

const orderTypeText = "Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"

func (tr *trader) sealOn(w *wire, contract, version string) {
	o := w.Order
	num := func(s string) []byte {
		n, _ := new(big.Int).SetString(s, 10)
		return word(n.Bytes())
	}
	side := "0"
	if o.Side == "SELL" {
		side = "1"
	}
	structHash := crypto.Keccak256(crypto.Keccak256([]byte(orderTypeText)), num(strconv.FormatInt(o.Salt, 10)),
		word(common.FromHex(o.Maker)), word(common.FromHex(o.Signer)), num(o.TokenID), num(o.MakerAmount), num(o.TakerAmount),
		num(side), num(strconv.Itoa(o.SignatureType)), num(o.Timestamp), common.FromHex(o.Metadata), common.FromHex(o.Builder))
	domain := crypto.Keccak256(crypto.Keccak256([]byte("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")),
		crypto.Keccak256([]byte(exchangeName)), crypto.Keccak256([]byte(version)), num("137"), word(common.FromHex(contract)))
	id := crypto.Keccak256([]byte{0x19, 0x01}, domain, structHash)
	w.id = hexutil.Encode(id)
	if o.SignatureType != KindDeposit {
		w.Order.Signature = hexutil.Encode(tr.sign(id))
		return
	}
	const wrapper = "TypedDataSign(Order contents,string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"
	wrapped := crypto.Keccak256(crypto.Keccak256([]byte(wrapper+orderTypeText)), structHash, crypto.Keccak256([]byte("DepositWallet")),
		crypto.Keccak256([]byte("1")), num("137"), word(common.FromHex(o.Maker)), make([]byte, 32))
	inner := tr.sign(crypto.Keccak256([]byte{0x19, 0x01}, domain, wrapped))
	w.Order.Signature = hexutil.Encode(bytes.Join([][]byte{inner, domain, structHash, []byte(orderTypeText),
		binary.BigEndian.AppendUint16(nil, uint16(len(orderTypeText)))}, nil))
}

// post sends one order and reads the answer; refused orders have Success false and the venue's text.
func (tr *trader) post(w *wire) placement {
	tr.t.Helper()
	status, body := tr.call("POST", "/order", w.json())
	var p placement
	if status != http.StatusOK {
		var refused struct {
			Error string `json:"error"`
		}
		tr.read(body, &refused)
		return placement{ErrorMsg: refused.Error, Status: fmt.Sprint(status)}
	}
	tr.read(body, &p)
	return p
}

// must posts an order that has to be accepted with that status.
func (tr *trader) must(w *wire, status string) placement {
	tr.t.Helper()
	p := tr.post(w)
	if !p.Success || p.ErrorMsg != "" || p.Status != status || p.OrderID != w.id {
		tr.t.Fatalf("order: %+v, want %s of %s", p, status, w.id)
	}
	return p
}

func (tr *trader) get(path string, into any) {
	tr.t.Helper()
	status, body := tr.call("GET", path, "")
	if status != http.StatusOK {
		tr.t.Fatalf("GET %s: %d %s", path, status, body)
	}
	tr.read(body, into)
}

// balance is what the venue shows: collateral for an empty token.
func (tr *trader) balance(token string) int64 {
	tr.t.Helper()
	path := "/balance-allowance?asset_type=COLLATERAL&signature_type=" + strconv.Itoa(tr.account.SignatureType)
	if token != "" {
		path = "/balance-allowance?asset_type=CONDITIONAL&token_id=" + token + "&signature_type=" + strconv.Itoa(tr.account.SignatureType)
	}
	var b wireBalance
	tr.get(path, &b)
	n, err := strconv.ParseInt(b.Balance, 10, 64)
	if err != nil {
		tr.t.Fatal(err)
	}
	return n
}

// plainClient dials the sandbox's server over loopback.
func (s *Sandbox) plainClient() *http.Client { return &http.Client{Transport: &http.Transport{}} }

// seen is how many requests have arrived: a number that has not been a salt before.
func (s *Sandbox) seen() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

func uintText(n uint64) string { return strconv.FormatUint(n, 10) }

func word(b []byte) []byte { return common.LeftPadBytes(b, 32) }
