package msgs

import (
	"encoding/json"
	"slices"
)

// quickRoom is what an event of one order is taken to need: few are longer, and those grow.
const quickRoom = 1152

// AppendEvent appends e as json.Marshal writes it, byte for byte. The events on the way of every order (order.submitting,
// order.accepted, order.filled, order.cancelled) are laid out by hand, because they are written while an order waits. All
// others are left to encoding/json, and of these what is seldom there: warnings, meta, texts that need escaping. The errors
// are those of encoding/json.
func AppendEvent(b []byte, e Event) ([]byte, error) {
	if out, ok := appendQuick(b, e); ok {
		return out, nil
	}
	raw, err := json.Marshal(e)
	return append(b, raw...), err
}

// appendQuick reports false for an event that it leaves to encoding/json; what it has appended by then means nothing.
func appendQuick(b []byte, e Event) ([]byte, bool) {
	switch e.(type) {
	case *OrderSubmitting, *OrderAccepted, *OrderFilled, *OrderCancelled:
	default:
		return b, false
	}
	w := writer{b: slices.Grow(b, quickRoom)}
	switch e := e.(type) {
	case *OrderSubmitting:
		w.submitting(e)
	case *OrderAccepted:
		w.open()
		w.head(&e.Head)
		w.order(&e.Order)
		w.text("venue_status", e.VenueStatus)
	case *OrderFilled:
		w.open()
		w.head(&e.Head)
		w.order(&e.Order)
		w.fill(e.Fill)
	case *OrderCancelled:
		w.open()
		w.head(&e.Head)
		w.order(&e.Order)
		w.text("reason", string(e.Reason))
	}
	w.close()
	return w.b, w.err == nil
}

func (w *writer) submitting(e *OrderSubmitting) {
	w.open()
	w.head(&e.Head)
	w.name("orders")
	if e.Orders == nil {
		w.b = append(w.b, "null"...)
		return
	}
	w.b = append(w.b, '[')
	for i := range e.Orders {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.intent(&e.Orders[i])
	}
	w.b = append(w.b, ']')
}

func (w *writer) head(h *Head) {
	w.whole("v", int64(h.V))
	w.text("type", string(h.Type))
	w.text("account", string(h.Account))
	w.text("env", string(h.Env))
	w.count("n", h.N)
	w.whole("at_ms", h.AtMS)
	w.countIf("cmd_seq", h.CmdSeq)
	w.textIf("request_id", h.ReqID)
	w.textIf("cmd_hash", h.CmdHash)
}

func (w *writer) order(o *Order) {
	w.textIf("client_order_id", string(o.ClientOrderID))
	w.textIf("order_id", string(o.OrderID))
	w.textIf("token_id", string(o.TokenID))
	w.textIf("condition_id", string(o.ConditionID))
	w.textIf("side", string(o.Side))
	w.textIf("order_type", string(o.OrderType))
	microIf(w, "price", o.Price)
	microIf(w, "size", o.Size)
	microIf(w, "amount", o.Amount)
	w.wholeIf("expires_ms", o.ExpiresMS)
	w.flagIf("post_only", o.PostOnly)
	micro(w, "filled", o.Filled)
	micro(w, "remaining", o.Remaining)
	microIf(w, "avg_price", o.AvgPrice)
	microIf(w, "unsettled", o.Unsettled)
	w.textIf("state", string(o.State))
	w.flag("final", o.Final)
	w.flagIf("late", o.Late)
	w.textIf("replaces", string(o.Replaces))
	w.extras(o.Warnings, o.Meta)
}

// extras writes what senders add, and what we have to say about that.
func (w *writer) extras(warnings []string, meta json.RawMessage) {
	if len(warnings) > 0 {
		w.name("warnings")
		w.marshal(warnings)
	}
	if len(meta) > 0 {
		w.name("meta")
		w.marshal(meta)
	}
}

func (w *writer) fill(f *Fill) {
	w.name("fill")
	if f == nil {
		w.b = append(w.b, "null"...)
		return
	}
	w.open()
	w.text("trade_id", string(f.TradeID))
	w.whole("leg", int64(f.Leg))
	micro(w, "price", f.Price)
	micro(w, "size", f.Size)
	micro(w, "fee", f.Fee)
	w.text("role", string(f.Role))
	w.close()
}

func (w *writer) intent(in *Intent) {
	w.open()
	w.text("client_order_id", string(in.ClientOrderID))
	w.text("order_id", string(in.OrderID))
	w.text("token_id", string(in.TokenID))
	w.text("condition_id", string(in.ConditionID))
	w.text("side", string(in.Side))
	w.text("order_type", string(in.OrderType))
	micro(w, "price", in.Price)
	micro(w, "size", in.Size)
	microIf(w, "amount", in.Amount)
	w.wholeIf("expires_ms", in.ExpiresMS)
	w.flagIf("post_only", in.PostOnly)
	w.flagIf("defer_exec", in.DeferExec)
	w.whole("valid_until_ms", in.ValidUntilMS)
	w.textIf("replaces", string(in.Replaces))
	w.textIf("size_is", string(in.SizeIs))
	w.text("cmd_hash", in.CmdHash)
	w.extras(in.Warnings, in.Meta)
	w.textIf("reply_to", in.ReplyTo)

	w.count("salt", in.Salt)
	w.text("maker", in.Maker)
	w.text("signer", in.Signer)
	w.whole("signature_type", int64(in.SignatureType))
	w.units("maker_amount", in.MakerAmount)
	w.units("taker_amount", in.TakerAmount)
	w.whole("timestamp_ms", in.TimestampMS)
	w.wholeIf("expiration_s", in.ExpirationS)
	w.textIf("builder", in.Builder)
	w.textIf("metadata", in.Metadata)
	w.flagIf("neg_risk", in.NegRisk)
	w.text("tick_size", in.TickSize)

	microIf(w, "fee_room", in.FeeRoom)
	w.textIf("signature", in.Signature)
	w.close()
}
