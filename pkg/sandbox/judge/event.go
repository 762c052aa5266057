package judge

// envelope is one message of a LOG stream.
type envelope struct {
	Env     text             `json:"env"`
	Owner   text             `json:"owner"`
	Epoch   whole            `json:"epoch"`
	Cursors map[string]whole `json:"cursors"`
	Events  list             `json:"events"`
}

// event is the union of the order events; fields that a type does not have stay empty.
type event struct {
	Type          text  `json:"type"`
	N             whole `json:"n"`
	AtMs          whole `json:"at_ms"`
	CmdSeq        whole `json:"cmd_seq"`
	RequestID     text  `json:"request_id"`
	ClientOrderID text  `json:"client_order_id"`
	OrderID       text  `json:"order_id"`
	Side          text  `json:"side"`
	Size          text  `json:"size"`
	Filled        text  `json:"filled"`
	Remaining     text  `json:"remaining"`
	Unsettled     text  `json:"unsettled"`
	State         text  `json:"state"`
	Final         text  `json:"final"`
	Error         struct {
		Code text `json:"code"`
	} `json:"error"`
	Fill struct {
		TradeID text `json:"trade_id"`
		Leg     text `json:"leg"`
		Price   text `json:"price"`
		Size    text `json:"size"`
	} `json:"fill"`
	Orders    []eventOrder `json:"orders"`
	StillOpen text         `json:"still_open"`
	Owner     text         `json:"owner"`
	Epoch     whole        `json:"epoch"`
	InHand    text         `json:"in_hand"`
}

// falls reports an owner's last word, which is no claim: what he crashed with.
func (e *event) falls() bool { return e.InHand != "" }

// eventOrder is one of several orders that an event is about.
type eventOrder struct {
	ClientOrderID text `json:"client_order_id"`
	OrderID       text `json:"order_id"`
	TokenID       text `json:"token_id"`
	Side          text `json:"side"`
	OrderType     text `json:"order_type"`
	Salt          text `json:"salt"`
	TimestampMs   text `json:"timestamp_ms"`
	MakerAmount   text `json:"maker_amount"`
	TakerAmount   text `json:"taker_amount"`
}

// wire is what the intent says the signature covers.
func (o eventOrder) wire() wireOrder {
	return wireOrder{
		salt: string(o.Salt), timestamp: string(o.TimestampMs), token: string(o.TokenID), side: string(o.Side),
		maker: string(o.MakerAmount), taker: string(o.TakerAmount), kind: string(o.OrderType),
	}
}

// ids are what an event is about, as commands are asked for: orders by their client ids, for cancels by order ids too,
// and the request; one empty id when it names nothing and may be the answer to a command without a readable id.
func (e *event) ids() []string {
	var out []string
	add := func(id string) {
		if id != "" {
			out = append(out, id)
		}
	}
	add(string(e.ClientOrderID))
	for _, o := range e.Orders {
		add(string(o.ClientOrderID))
	}
	if e.cancelling() {
		add(lower(string(e.OrderID)))
		for _, o := range e.Orders {
			add(lower(string(o.OrderID)))
		}
	}
	if e.RequestID != "" {
		add("request " + string(e.RequestID))
	}
	if out == nil && (!e.control() || e.Type == "order.control_rejected") {
		return []string{""}
	}
	return out
}

// control reports an event about the account as a whole.
func (e *event) control() bool {
	switch e.Type {
	case "order.halted", "order.resumed", "order.cancel_all_done", "order.control_rejected":
		return true
	}
	return false
}

// cancelling reports an event that can answer a cancel.
func (e *event) cancelling() bool {
	switch e.Type {
	case "order.cancelling", "order.cancelled", "order.cancel_pending", "order.cancel_rejected":
		return true
	}
	return false
}

// known reports a type that the judge understands.
func (e *event) known() bool {
	switch e.Type {
	case "order.owner", "order.submitting", "order.accepted", "order.filled", "order.settled", "order.settlement_failed",
		"order.rejected", "order.unknown", "order.foreign", "order.anomaly", "order.compared", "order.held":
		return true
	}
	return e.control() || e.cancelling()
}
