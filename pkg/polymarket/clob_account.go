package polymarket

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// CreateKey makes the API key that belongs to nonce; a nonce can be used once.
func (c *CLOB) CreateKey(ctx context.Context, nonce uint64) (Credentials, error) {
	return c.key(ctx, call{method: "POST", path: "/auth/api-key", auth: l1, nonce: nonce})
}

// DeriveKey returns the API key made with nonce before.
func (c *CLOB) DeriveKey(ctx context.Context, nonce uint64) (Credentials, error) {
	return c.key(ctx, call{method: "GET", path: "/auth/derive-api-key", auth: l1, nonce: nonce})
}

// CreateOrDeriveKey returns the API key of nonce (0 is usual), making it when there is none. Deriving is tried when the
// venue answers the creation with 400.
func (c *CLOB) CreateOrDeriveKey(ctx context.Context, nonce uint64) (Credentials, error) {
	creds, err := c.CreateKey(ctx, nonce)
	var e *Error
	if err == nil || !errors.As(err, &e) || e.Status != http.StatusBadRequest {
		return creds, err
	}
	creds, err2 := c.DeriveKey(ctx, nonce)
	if err2 != nil {
		return Credentials{}, errors.Join(err, err2)
	}
	return creds, nil
}

func (c *CLOB) key(ctx context.Context, k call) (Credentials, error) {
	v, err := c.get(ctx, k)
	if err != nil {
		return Credentials{}, err
	}
	var out Credentials
	for name, f := range v.fields() {
		switch string(name) {
		case "apiKey":
			out.Key = f.text()
		case "secret":
			out.Secret = Secret(f.text())
		case "passphrase":
			out.Passphrase = Secret(f.text())
		}
	}
	if out.Key == "" || out.Secret == "" || out.Passphrase == "" {
		// The body may hold a secret: it is not quoted.
		return Credentials{}, &Error{Method: k.method, Path: k.path, Status: http.StatusOK,
			Message: "incomplete credentials", Outcome: Unknown{ErrNotUnderstood}}
	}
	return out, nil
}

// APIKeys lists the ids of the account's API keys.
func (c *CLOB) APIKeys(ctx context.Context) ([]string, error) {
	v, err := c.get(ctx, call{method: "GET", path: "/auth/api-keys", auth: l2})
	if err != nil {
		return nil, err
	}
	var out []string
	for k, f := range v.fields() {
		if string(k) == "apiKeys" {
			out = f.texts()
		}
	}
	return out, nil
}

// ClosedOnly reports whether the account may only reduce positions.
func (c *CLOB) ClosedOnly(ctx context.Context) (bool, error) {
	k := call{method: "GET", path: "/auth/ban-status/closed-only", auth: l2}
	return c.getBool(ctx, k, "closed_only")
}

// OrderScoring reports whether an order earns liquidity rewards now.
func (c *CLOB) OrderScoring(ctx context.Context, id string) (bool, error) {
	return c.getBool(ctx, call{method: "GET", path: "/order-scoring", auth: l2, query: query("order_id", id)}, "scoring")
}

// RateLimitTier is the name of the account's tier of trading limits, as the venue writes it. It may lag by hours behind the volume that
// it follows. An *Error means that the venue names none.
func (c *CLOB) RateLimitTier(ctx context.Context) (string, error) {
	k := call{method: "GET", path: "/v1/user/rate-limit-tier", auth: l2}
	v, err := c.get(ctx, k)
	if err != nil {
		return "", err
	}
	for name, f := range v.fields() {
		if tier := f.text(); string(name) == "tier" && tier != "" {
			return tier, nil
		}
	}
	return "", misread(k, v)
}

func (c *CLOB) getBool(ctx context.Context, k call, name string) (bool, error) {
	v, err := c.get(ctx, k)
	if err != nil {
		return false, err
	}
	for key, f := range v.fields() {
		if s := f.text(); string(key) == name && (s == "true" || s == "false") {
			return s == "true", nil
		}
	}
	return false, misread(k, v)
}

// DropNotifications deletes the account's notifications with these ids.
func (c *CLOB) DropNotifications(ctx context.Context, ids []string) error {
	_, err := c.get(ctx, call{method: "DELETE", path: "/notifications", auth: l2, query: query("ids", strings.Join(ids, ","))})
	return err
}

// Asset kinds of balances.
const (
	AssetCollateral  = "COLLATERAL"  // pUSD
	AssetConditional = "CONDITIONAL" // an outcome token
)

// Balance is what the venue believes a wallet has and allows. It can lag behind the chain.
type Balance struct {
	BaseUnits  int64               // 10^-6 of pUSD or of a share
	Allowances map[string]*big.Int // base units by spender, lower-case address
}

// Allows reports whether spender may move at least baseUnits.
func (b Balance) Allows(spender Address, baseUnits int64) bool {
	a := b.Allowances[strings.ToLower(spender.Hex())]
	return a != nil && a.Cmp(big.NewInt(baseUnits)) >= 0
}

// BalanceAllowance reads the balance of the wallet that kind derives from the key's account. tokenID is "" for
// AssetCollateral. A wrong kind shows a zero balance.
func (c *CLOB) BalanceAllowance(ctx context.Context, asset, tokenID string, kind WalletKind) (Balance, error) {
	k := call{method: "GET", path: "/balance-allowance", auth: l2, query: balanceQuery(asset, tokenID, kind)}
	v, err := c.get(ctx, k)
	if err != nil {
		return Balance{}, err
	}
	b := Balance{Allowances: map[string]*big.Int{}}
	found := false
	for key, f := range v.fields() {
		switch string(key) {
		case "balance":
			b.BaseUnits, found = f.number()
		case "allowances":
			for spender, a := range f.fields() {
				if n, ok := new(big.Int).SetString(a.text(), 10); ok {
					b.Allowances[strings.ToLower(string(spender))] = n
				}
			}
		}
	}
	if !found {
		return Balance{}, misread(k, v)
	}
	return b, nil
}

// UpdateBalanceAllowance makes the venue read the chain again; call it after deposits, approvals, splits and merges.
func (c *CLOB) UpdateBalanceAllowance(ctx context.Context, asset, tokenID string, kind WalletKind) error {
	k := call{method: "GET", path: "/balance-allowance/update", auth: l2, query: balanceQuery(asset, tokenID, kind)}
	a, err := c.send(ctx, k)
	if err == nil && a.Status/100 != 2 {
		return c.failure(k, a)
	}
	return err
}

func balanceQuery(asset, tokenID string, kind WalletKind) url.Values {
	return query("asset_type", asset, "token_id", tokenID, "signature_type", strconv.Itoa(int(kind)))
}

// Beat is the answer to a heartbeat.
type Beat struct {
	ID string // to be sent with the next one
	// Again is true when the venue expected ID instead of what was sent: send it at once.
	Again bool
}

// Heartbeat tells the venue that this API key's owner is alive; the first id is "". After the first one, the venue cancels
// all orders of the key when none arrives for 10 s: send one every 5 s, one after the other.
func (c *CLOB) Heartbeat(ctx context.Context, id string) (Beat, error) {
	k := call{method: "POST", path: "/v1/heartbeats", auth: l2, body: HeartbeatBody(id)}
	a, err := c.send(ctx, k)
	if err != nil {
		return Beat{}, fmt.Errorf("send heartbeat: %w", err)
	}
	if b, ok := readBeat(a); ok {
		return b, nil
	}
	return Beat{}, c.failure(k, a)
}

func readBeat(a answer) (Beat, bool) {
	b := Beat{Again: a.Status == http.StatusBadRequest}
	for k, f := range a.v.fields() {
		if string(k) == "heartbeat_id" {
			b.ID = f.text()
		}
	}
	return b, b.ID != "" && (b.Again || a.Status/100 == 2)
}

// query builds a query from names and values, leaving out empty values.
func query(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}

func nonZero(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}
