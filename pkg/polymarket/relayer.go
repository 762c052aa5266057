package polymarket

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Relayer speaks the relayer's REST API. Like CLOB it holds no state, and timeouts, connections and limits are those of HTTP:
// give it a client whose transport takes the permit that a request needs. Every error is a *RelayerError.
type Relayer struct {
	BaseURL string           // scheme and host, without a trailing slash
	HTTP    *http.Client     // required; redirects are never followed
	Auth    RelayerAuth      // for Submit and Transactions; reads need none
	Now     func() time.Time // nil is time.Now
}

// TxState is the state of a transaction at the relayer. Others than these may come: keep asking then.
type TxState string

// The relayer's states.
const (
	TxNew       TxState = "STATE_NEW"       // accepted
	TxSubmitted TxState = "STATE_SUBMITTED" // documented, not seen
	TxExecuted  TxState = "STATE_EXECUTED"  // broadcast, hash known
	TxMined     TxState = "STATE_MINED"     // in a block
	TxConfirmed TxState = "STATE_CONFIRMED" // final
	TxFailed    TxState = "STATE_FAILED"    // reverted on chain
	TxInvalid   TxState = "STATE_INVALID"   // refused after it was accepted: signature, nonce, simulation
)

// Final reports whether the relayer will not change the state any more. What is true stands on chain only.
func (s TxState) Final() bool { return s == TxConfirmed || s == TxFailed || s == TxInvalid }

// Submitted is the relayer's receipt for a transaction.
type Submitted struct {
	ID    string
	State TxState
	Hash  string // of the chain's transaction, lower case, "" while there is none
}

// RelayerTransaction is a transaction as the relayer remembers it. Fields that are not given are "" or nil.
type RelayerTransaction struct {
	Submitted
	Type      RelayerType
	From, To  string // lower case
	Wallet    string // lower case
	Data      string // lower case
	Nonce     string // decimal
	Value     string
	Signature []byte
	Owner     string // who is charged
	Metadata  string
	Message   string // why it failed, when the relayer says
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Is reports whether t is the transaction that r asked for: signatures are deterministic and cover all that has an effect.
func (t RelayerTransaction) Is(r RelayerRequest) bool {
	return len(r.Signature) > 0 && bytes.Equal(t.Signature, r.Signature)
}

// RelayPayload is what a proxy wallet's transaction must name.
type RelayPayload struct {
	Relay string // the worker's address as the relayer spells it
	Nonce uint64
}

// Submit asks for a transaction. It leaves within sendBy (zero: any time; give it a monotonic reading) or never. The *RelayerError
// says whether it may have been accepted even so.
func (r *Relayer) Submit(ctx context.Context, q RelayerRequest, sendBy time.Time) (Submitted, Reply, error) {
	k := call{method: http.MethodPost, path: "/submit", body: q.Body, sendBy: sendBy}
	v, reply, err := r.do(ctx, k, true)
	if err != nil {
		return Submitted{}, reply, err
	}
	t, ok := readTransaction(v)
	if !ok {
		return Submitted{}, reply, r.misread(k, v)
	}
	return t.Submitted, reply, nil
}

// Nonce is the next nonce of owner's wallet of the kind, Safe or Deposit, as the relayer counts: executed transactions.
func (r *Relayer) Nonce(ctx context.Context, owner Address, kind WalletKind) (uint64, error) {
	t, err := nonceType(kind)
	if err != nil {
		return 0, &RelayerError{Method: http.MethodGet, Path: "/nonce", Reason: RelayerNeverLeft, Message: err.Error(), cause: err}
	}
	k := call{method: http.MethodGet, path: "/nonce", query: query("address", owner.Hex(), "type", string(t))}
	p, err := r.payload(ctx, k)
	return p.Nonce, err
}

// ErrNoWalletKind reports a wallet kind that the relayer has nothing to do with.
var ErrNoWalletKind = errors.New("the relayer serves no wallet of this kind")

func nonceType(kind WalletKind) (RelayerType, error) {
	switch kind {
	case Safe:
		return RelaySafe, nil
	case Proxy:
		return RelayProxy, nil
	case Deposit:
		return RelayWallet, nil
	}
	return "", fmt.Errorf("%w: %s", ErrNoWalletKind, kind)
}

// RelayPayload is the relay worker and nonce for owner's proxy wallet.
func (r *Relayer) RelayPayload(ctx context.Context, owner Address) (RelayPayload, error) {
	k := call{method: http.MethodGet, path: "/relay-payload", query: query("address", owner.Hex(), "type", string(RelayProxy))}
	p, err := r.payload(ctx, k)
	if err != nil {
		return RelayPayload{}, err
	}
	if _, err := ParseAddress(p.Relay); err != nil {
		return RelayPayload{}, r.misread(k, value(strconv.Quote(p.Relay)))
	}
	return p, nil
}

func (r *Relayer) payload(ctx context.Context, k call) (p RelayPayload, err error) {
	v, _, err := r.do(ctx, k, false)
	if err != nil {
		return p, err
	}
	found := false
	for name, f := range v.fields() {
		switch string(name) {
		case "address":
			p.Relay = f.text()
		case "nonce":
			p.Nonce, err = strconv.ParseUint(f.text(), 10, 64)
			found = err == nil
		}
	}
	if !found {
		return RelayPayload{}, r.misread(k, v)
	}
	return p, nil
}

// Deployed reports whether the relayer knows the wallet to be on chain.
func (r *Relayer) Deployed(ctx context.Context, wallet Address, kind WalletKind) (bool, error) {
	k := call{method: http.MethodGet, path: "/deployed", query: query("address", wallet.Hex())}
	if kind == Deposit {
		k.query.Set("type", string(RelayWallet))
	}
	v, _, err := r.do(ctx, k, false)
	if err != nil {
		return false, err
	}
	for name, f := range v.fields() {
		if text := f.text(); string(name) == "deployed" && (text == "true" || text == "false") {
			return text == "true", nil
		}
	}
	return false, r.misread(k, v)
}

// Transaction looks one up by the relayer's id. found is false while the relayer does not show it, which it may do for a moment
// after accepting it.
func (r *Relayer) Transaction(ctx context.Context, id string) (t RelayerTransaction, found bool, err error) {
	k := call{method: http.MethodGet, path: "/transaction", query: query("id", id)}
	ts, err := r.list(ctx, k, false)
	if err != nil || len(ts) == 0 {
		return RelayerTransaction{}, false, err
	}
	if ts[0].ID != id {
		return RelayerTransaction{}, false, r.misread(k, value(strconv.Quote(ts[0].ID)))
	}
	return ts[0], true, nil
}

// Transactions are the caller's recent transactions.
func (r *Relayer) Transactions(ctx context.Context) ([]RelayerTransaction, error) {
	return r.list(ctx, call{method: http.MethodGet, path: "/transactions"}, true)
}

func (r *Relayer) list(ctx context.Context, k call, login bool) ([]RelayerTransaction, error) {
	v, _, err := r.do(ctx, k, login)
	if err != nil {
		return nil, err
	}
	if v.isObject() {
		v = append(append(value("["), v...), ']') // one without a list around it
	}
	if !v.isArray() {
		return nil, r.misread(k, v)
	}
	var out []RelayerTransaction
	for e := range v.items() {
		t, ok := readTransaction(e)
		if !ok {
			return nil, r.misread(k, e)
		}
		out = append(out, t)
	}
	return out, nil
}

// do performs a call and returns its JSON. Every other answer is a *RelayerError.
func (r *Relayer) do(ctx context.Context, k call, login bool) (value, Reply, error) {
	wire := CLOB{BaseURL: r.BaseURL, HTTP: r.HTTP, Now: r.Now}
	if login {
		if r.Auth == nil {
			return nil, Reply{}, &RelayerError{Method: k.method, Path: k.path, Reason: RelayerNoLogin}
		}
		k.headers = func(now time.Time) http.Header { return r.Auth.relayerHeaders(now.Unix(), k.method, k.path, k.body) }
	}
	a, err := wire.send(ctx, k)
	var never errNotSent
	switch {
	case errors.As(err, &never):
		return nil, a.Reply, &RelayerError{Method: k.method, Path: k.path, Reason: RelayerNeverLeft, Message: never.cause.Error(), cause: never.cause}
	case err != nil && a.Status/100 != 4:
		return nil, a.Reply, &RelayerError{Method: k.method, Path: k.path, Status: a.Status, Reason: RelayerLost, Message: err.Error(), cause: err}
	case err == nil && a.Status/100 == 2 && a.isJSON:
		return a.v, a.Reply, nil
	}
	return nil, a.Reply, ClassifyRelayer(k.method, k.path, a.Status, a.header, a.body, wire.now())
}

// misread is the error for JSON of the wrong shape under 2xx.
func (r *Relayer) misread(k call, v value) error {
	return &RelayerError{Method: k.method, Path: k.path, Status: http.StatusOK, Reason: RelayerNotUnderstood, Message: "body " + quoteBody(v), cause: ErrNotUnderstood}
}

// readTransaction reads a receipt or a remembered transaction; ok is false without id or state.
func readTransaction(v value) (t RelayerTransaction, ok bool) {
	for name, f := range v.fields() {
		switch string(name) {
		case "transactionID", "transaction_id":
			t.ID = f.text()
		case "transactionHash", "transaction_hash":
			t.Hash = f.id()
		case "state":
			t.State = TxState(f.text())
		case "type":
			t.Type = RelayerType(f.text())
		case "from":
			t.From = f.id()
		case "to":
			t.To = f.id()
		case "proxyAddress", "proxyWallet":
			t.Wallet = f.id()
		case "data":
			t.Data = f.id()
		case "nonce":
			t.Nonce = f.text()
		case "value":
			t.Value = f.text()
		case "signature":
			t.Signature, _ = hex.DecodeString(strings.TrimPrefix(f.id(), "0x"))
		case "owner":
			t.Owner = f.text()
		case "metadata":
			t.Metadata = f.text()
		case "errorMsg", "error_msg", "error":
			t.Message = f.text()
		case "createdAt":
			t.CreatedAt, _ = time.Parse(time.RFC3339Nano, f.text())
		case "updatedAt":
			t.UpdatedAt, _ = time.Parse(time.RFC3339Nano, f.text())
		}
	}
	return t, t.ID != "" && t.State != ""
}
