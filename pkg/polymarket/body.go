package polymarket

import (
	"encoding/hex"
	"encoding/json"
	"strconv"
)

// Envelope is one order as POST /order takes it.
type Envelope struct {
	Order     SignedOrder
	Owner     string // API key; left empty, CLOB fills in its own
	Type      OrderType
	PostOnly  bool // GTC and GTD only
	DeferExec bool

	written []byte // the order as the body has it; nil until Written
}

// Written gives the envelope with its order written already, so that its body takes less time. The order must not be changed
// afterwards.
func (e Envelope) Written() Envelope {
	e.written = OrderBody(e.Order)
	return e
}

// PostBody is the body of POST /order, byte for byte as the official client writes it.
func PostBody(e Envelope) []byte { return appendEnvelope(make([]byte, 0, envelopeSize), e) }

// BatchBody is the body of POST /orders.
func BatchBody(es []Envelope) []byte {
	b := append(make([]byte, 0, len(es)*envelopeSize), '[')
	for i, e := range es {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendEnvelope(b, e)
	}
	return append(b, ']')
}

// envelopeSize is enough for most orders to be written without growing the buffer (about 980 bytes, 1,490 for Deposit).
const envelopeSize = 1536

func appendEnvelope(b []byte, e Envelope) []byte {
	b = append(b, `{"deferExec":`...)
	b = strconv.AppendBool(b, e.DeferExec)
	b = append(b, `,"postOnly":`...)
	b = strconv.AppendBool(b, e.PostOnly)
	b = append(b, `,"order":`...)
	if e.written == nil {
		b = appendOrder(b, e.Order)
	}
	b = append(b, e.written...)
	b = append(b, `,"owner":`...)
	b = appendText(b, e.Owner)
	b = append(b, `,"orderType":`...)
	b = appendText(b, string(e.Type))
	return append(b, '}')
}

// OrderBody is the "order" object inside the envelope.
func OrderBody(o SignedOrder) []byte { return appendOrder(nil, o) }

func appendOrder(b []byte, o SignedOrder) []byte {
	b = append(b, `{"salt":`...)
	b = strconv.AppendUint(b, o.Salt, 10)
	b = append(b, `,"maker":"`...)
	b = append(b, o.Maker.Hex()...)
	b = append(b, `","signer":"`...)
	b = append(b, o.Signer.Hex()...)
	b = append(b, `","tokenId":"`...)
	b = append(b, o.TokenID.String()...)
	b = append(b, `","makerAmount":"`...)
	b = strconv.AppendInt(b, o.MakerAmount, 10)
	b = append(b, `","takerAmount":"`...)
	b = strconv.AppendInt(b, o.TakerAmount, 10)
	b = append(b, `","side":`...)
	b = appendText(b, string(o.Side))
	b = append(b, `,"signatureType":`...)
	b = strconv.AppendUint(b, uint64(o.SignatureType), 10)
	b = append(b, `,"timestamp":"`...)
	b = strconv.AppendInt(b, o.TimestampMS, 10)
	b = append(b, `","expiration":"`...)
	b = strconv.AppendInt(b, o.Expiration, 10)
	b = append(b, `","metadata":"0x`...)
	b = hex.AppendEncode(b, o.Metadata[:])
	b = append(b, `","builder":"0x`...)
	b = hex.AppendEncode(b, o.Builder[:])
	b = append(b, `","signature":"0x`...)
	b = hex.AppendEncode(b, o.Signature)
	return append(b, `"}`...)
}

// CancelBody is the body of DELETE /order.
func CancelBody(id string) []byte {
	return append(appendText([]byte(`{"orderID":`), id), '}')
}

// CancelBatchBody is the body of DELETE /orders.
func CancelBatchBody(ids []string) []byte { return appendTexts(nil, ids) }

// CancelMarketBody is the body of DELETE /cancel-market-orders; an empty argument is left out.
func CancelMarketBody(conditionID, tokenID string) []byte {
	b := []byte{'{'}
	if conditionID != "" {
		b = appendText(append(b, `"market":`...), conditionID)
	}
	if tokenID != "" {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = appendText(append(b, `"asset_id":`...), tokenID)
	}
	return append(b, '}')
}

// HeartbeatBody is the body of POST /v1/heartbeats; the first id is empty.
func HeartbeatBody(id string) []byte {
	return append(appendText([]byte(`{"heartbeat_id":`), id), '}')
}

// appendText writes a JSON string. Plain text, which is nearly everything, is copied; the rest goes the long way.
func appendText(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c > 0x7e || c == '<' || c == '>' || c == '&' {
			long, _ := json.Marshal(s) // a string always marshals
			return append(b, long...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func appendTexts(b []byte, ss []string) []byte {
	b = append(b, '[')
	for i, s := range ss {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, s)
	}
	return append(b, ']')
}
