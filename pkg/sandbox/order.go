package sandbox

import (
	"bytes"
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"sluice/pkg/money"
	"sluice/pkg/sandbox/engine"
)

const (
	// maxSalt is the largest integer that every JSON reader keeps whole.
	maxSalt = 1<<53 - 1
	// maxAmount bounds an order to a hundred million shares or pUSD, far above what exists here, so that sums fit.
	maxAmount = 100_000_000 * money.Unit
)

// The states of an order as the journal names them.
const (
	stateLive      = "live"
	stateMatched   = "matched"
	stateDelayed   = "delayed"
	stateCancelled = "cancelled"
	stateExpired   = "expired"
	stateKilled    = "killed"
	stateRejected  = "rejected"
)

// The order types of the venue.
const (
	typeGTC = "GTC"
	typeGTD = "GTD"
	typeFOK = "FOK"
	typeFAK = "FAK"
)

// order is an order that passed its signature check, and what became of it.
type order struct {
	id         string
	key        *apiKey
	wallet     *wallet // set when the order is placed
	walletKind int
	market     *market
	kind       string // order type
	postOnly   bool
	deferExec  bool
	expiration int64 // unix s, 0 none
	salt       string
	builder    string // the builder's code that was signed
	timestamp  int64  // unix ms
	maker      money.Cash
	taker      money.Cash
	request    int64

	eng     engine.Order
	state   string
	reason  string
	held    int64 // of its wallet
	trades  []string
	created time.Time
	seq     int64 // place in time among all orders
	expiry  *time.Timer
	quote   bool // belongs to the liquidity maker
}

func (o *order) token() string { return o.market.Tokens[o.eng.Outcome] }

// open reports whether the order can still trade.
func (o *order) open() bool { return o.state == stateLive || o.state == stateDelayed }

// size is the order's target in shares, as signed.
func (o *order) size() money.Size { return o.eng.Shares }

// cashAmount is the pUSD side of the order, as signed.
func (o *order) cashAmount() money.Cash {
	if o.eng.Side == engine.Sell {
		return o.taker
	}
	return o.maker
}

// wireEnvelope is one entry of POST /order and /orders.
type wireEnvelope struct {
	Order struct {
		Salt          json.RawMessage `json:"salt"`
		Maker         string          `json:"maker"`
		Signer        string          `json:"signer"`
		TokenID       string          `json:"tokenId"`
		MakerAmount   string          `json:"makerAmount"`
		TakerAmount   string          `json:"takerAmount"`
		Side          string          `json:"side"`
		SignatureType *int            `json:"signatureType"`
		Timestamp     string          `json:"timestamp"`
		Expiration    string          `json:"expiration"`
		Metadata      string          `json:"metadata"`
		Builder       string          `json:"builder"`
		Signature     string          `json:"signature"`
		FeeRateBps    json.RawMessage `json:"feeRateBps"` // only in orders of the retired protocol
	} `json:"order"`
	Owner     string `json:"owner"`
	OrderType string `json:"orderType"`
	PostOnly  bool   `json:"postOnly"`
	DeferExec bool   `json:"deferExec"`
}

// readOrder parses one envelope and checks who signed it for whom. It needs no lock: keys and token ids are fixed.
func (s *Sandbox) readOrder(raw json.RawMessage, key *apiKey) (*order, error) {
	var w wireEnvelope
	if json.Unmarshal(raw, &w) != nil {
		return nil, errPayload
	}
	if w.Order.FeeRateBps != nil && w.Order.Timestamp == "" {
		return nil, errVersion
	}
	signed, err := w.signed()
	if err != nil {
		return nil, err
	}
	sig, err := hexutil.Decode(w.Order.Signature)
	if err != nil {
		return nil, errSignature
	}
	if w.Owner != key.id {
		return nil, errOwner
	}
	owned := key.owner
	if signed.kind == KindDeposit {
		owned = funderOf(key.owner, KindDeposit)
	}
	if signed.signer != owned || signed.kind == KindDeposit && signed.maker != owned {
		return nil, errSigner
	}
	m := s.byToken[w.Order.TokenID]
	if m == nil {
		return nil, errNoBook
	}
	id, err := s.verify(m, signed, sig, key.owner)
	if err != nil {
		return nil, err
	}
	if signed.maker != funderOf(key.owner, signed.kind) {
		return nil, errMaker
	}
	return w.order(signed, id, key, m)
}

// verify checks the signature on the market's exchange and returns the order id.
func (s *Sandbox) verify(m *market, o signedOrder, sig []byte, owner common.Address) (string, error) {
	e := s.regular
	if m.NegRisk {
		e = s.negRisk
	}
	structHash, id, err := e.digest(o)
	if err != nil {
		return "", errPayload
	}
	if err := e.check(o, structHash, id, sig, owner); err != nil {
		if structHash, id, err := s.protocolV2.digest(o); err == nil && s.protocolV2.check(o, structHash, id, sig, owner) == nil {
			return "", errVersion
		}
		return "", err
	}
	return hexutil.Encode(id), nil
}

// signed converts the wire form, refusing what does not have the documented types.
func (w *wireEnvelope) signed() (signedOrder, error) {
	o := w.Order
	metadata, errM := bytes32(o.Metadata)
	builder, errB := bytes32(o.Builder)
	salt, errS := strconv.ParseInt(string(bytes.TrimSpace(o.Salt)), 10, 64)
	if errM != nil || errB != nil || errS != nil || salt < 0 || salt > maxSalt || o.SignatureType == nil ||
		*o.SignatureType < KindEOA || *o.SignatureType > KindDeposit || o.Side != "BUY" && o.Side != "SELL" ||
		!common.IsHexAddress(o.Maker) || !common.IsHexAddress(o.Signer) {
		return signedOrder{}, errPayload
	}
	out := signedOrder{
		salt: big.NewInt(salt), maker: common.HexToAddress(o.Maker), signer: common.HexToAddress(o.Signer),
		kind: *o.SignatureType, metadata: metadata, builder: builder,
	}
	if o.Side == "SELL" {
		out.side = 1
	}
	for _, f := range []struct {
		text string
		to   **big.Int
	}{{o.TokenID, &out.tokenID}, {o.MakerAmount, &out.makerAmount}, {o.TakerAmount, &out.takerAmount}, {o.Timestamp, &out.timestamp}} {
		n, ok := uint256(f.text)
		if !ok {
			return signedOrder{}, errPayload
		}
		*f.to = n
	}
	return out, nil
}

// order builds the order from its checked parts.
func (w *wireEnvelope) order(o signedOrder, id string, key *apiKey, m *market) (*order, error) {
	expiration, err := strconv.ParseInt(w.Order.Expiration, 10, 64)
	if w.Order.Expiration == "" {
		expiration, err = 0, nil
	}
	if err != nil || expiration < 0 || !o.timestamp.IsInt64() {
		return nil, errPayload
	}
	out := &order{
		id: id, key: key, market: m, kind: w.OrderType, postOnly: w.PostOnly, deferExec: w.DeferExec, expiration: expiration,
		salt: o.salt.String(), builder: strings.ToLower(w.Order.Builder), timestamp: o.timestamp.Int64(),
		walletKind: o.kind,
	}
	switch w.OrderType {
	case typeGTC, typeGTD:
		out.eng.Life = engine.Rests
	case typeFOK:
		out.eng.Life = engine.FillsOrDies
	case typeFAK:
		out.eng.Life = engine.TakesAndDies
	default:
		return nil, errPayload
	}
	if o.makerAmount.Cmp(big.NewInt(maxAmount)) > 0 || o.takerAmount.Cmp(big.NewInt(maxAmount)) > 0 {
		return nil, errBalance
	}
	out.maker, out.taker = money.Cash(o.makerAmount.Int64()), money.Cash(o.takerAmount.Int64())
	if out.maker == 0 || out.taker == 0 {
		return nil, errNothing
	}
	out.eng.ID, out.eng.Outcome, out.eng.Side = id, m.outcome(w.Order.TokenID), engine.Side(o.side)
	out.eng.PostOnly = w.PostOnly
	out.eng.Shares, out.eng.Cash = money.Size(out.taker), out.maker
	if out.eng.Side == engine.Sell {
		out.eng.Shares, out.eng.Cash = money.Size(out.maker), 0
	}
	// A first figure for the journal of refused orders; the rules set the real one.
	if p, err := money.PriceOf(out.cashAmount(), out.size(), money.Down); err == nil {
		out.eng.Price = p
	}
	return out, nil
}

// uint256 reads plain decimal digits of at most 256 bits.
func uint256(s string) (*big.Int, bool) {
	if len(s) == 0 || len(s) > maxNonceDigits || s[0] == '+' || s[0] == '-' {
		return nil, false
	}
	n, ok := new(big.Int).SetString(s, 10)
	return n, ok && n.BitLen() <= 256
}

func bytes32(s string) ([]byte, error) {
	b, err := hexutil.Decode(s)
	if err == nil && len(b) != 32 {
		return nil, errPayload
	}
	return b, err
}

// isOrderID reports whether s has the form of an order id.
func isOrderID(s string) bool {
	b, err := hexutil.Decode(s)
	return err == nil && len(b) == 32
}
