package msgs

// Types of messages that are not commands and not events on the log. A command's type is CommandType.
const (
	TypeEnvelope        Type = "envelope"
	TypeErrorReply      Type = "error"
	TypeFeedOrder       Type = "feed.order"
	TypeFeedTrade       Type = "feed.trade"
	TypeBook            Type = "md.book"
	TypeRaw             Type = "md.raw"
	TypeLastTrade       Type = "md.trade"
	TypeMarket          Type = "md.market"
	TypeFeedStatus      Type = "md.status"
	TypeRefPrice        Type = "ref.price"
	TypeEmptyQuestion   Type = "svc.empty"
	TypeOrderQuestion   Type = "svc.executor.order"
	TypeOrderAnswer     Type = "svc.executor.order.answer"
	TypeOrdersQuestion  Type = "svc.executor.orders"
	TypeOrdersAnswer    Type = "svc.executor.orders.answer"
	TypeStatusAnswer    Type = "svc.executor.status.answer"
	TypeBalancesAnswer  Type = "svc.ledger.balances.answer"
	TypePositionsAnswer Type = "svc.ledger.positions.answer"
	TypeHistoryQuestion Type = "svc.ledger.history"
	TypeHistoryAnswer   Type = "svc.ledger.history.answer"
	TypeHoldsAnswer     Type = "svc.ledger.holds.answer"
	TypePositionAnswer  Type = "svc.ledger.position.answer"
	TypeTxQuestion      Type = "svc.relayer.request"
	TypeTxAnswer        Type = "svc.relayer.request.answer"
	TypeQuotaAnswer     Type = "svc.relayer.quota.answer"
	TypeBookQuestion    Type = "svc.ingest.book"
	TypePriceAnswer     Type = "svc.ingest.price.answer"
	TypeTickAnswer      Type = "svc.ingest.tick_size.answer"
	TypeMarketsQuestion Type = "svc.ingest.markets"
	TypeMarketsAnswer   Type = "svc.ingest.markets.answer"
	TypeDead            Type = "dead"
)

// CommandType is the type of a command, for its schema and samples: "cmd.order.submit".
func CommandType(family, verb string) Type { return Type("cmd." + family + "." + verb) }

// TypeOf is the type of a command.
func TypeOf(c Command) Type { return CommandType(FamilyOf(c), c.Verb()) }

// OrderKinds are the kinds of evt.order.<account>.
func OrderKinds() []Type {
	return []Type{
		KindOwner, KindSubmitting, KindAccepted, KindFilled, KindSettled, KindSettlementFailed, KindCancelling,
		KindCancelled, KindRejected, KindUnknown, KindCancelPending, KindCancelRejected, KindCancelAllDone, KindForeign,
		KindHalted, KindResumed, KindControlRejected, KindAnomaly, KindCompared, KindHeld,
	}
}

// TxKinds are the kinds of evt.tx.<account>.
func TxKinds() []Type {
	return []Type{
		KindTxOwner, KindTxReady, KindTxHeld, KindTxQueued, KindTxSealed, KindTxSubmitting, KindTxSubmitted, KindTxMined,
		KindTxRerouted, KindTxWaiting, KindTxReleased, KindTxApprovals, KindTxConfirmed, KindTxFailed, KindTxDropped,
	}
}

// LedgerKinds are the kinds of evt.ledger.<account>.
func LedgerKinds() []Type { return []Type{KindBalance, KindReconciled, KindDiscrepancy, KindHead} }

// New gives the empty event of type t, nil for an unknown one. Its head bears the type.
func New(t Type) Event {
	e := newEvent(t)
	if e != nil {
		e.head().Type = t
	}
	return e
}

func newEvent(t Type) Event {
	switch Family(t) {
	case FamilyOrder:
		return newOrderEvent(t)
	case FamilyTx:
		return newTxEvent(t)
	case FamilyLedger:
		return newLedgerEvent(t)
	}
	return nil
}

// Family is what stands before the first point of an event's type.
func Family(t Type) string {
	for i := range len(t) {
		if t[i] == '.' {
			return string(t[:i])
		}
	}
	return ""
}

func newOrderEvent(t Type) Event {
	switch t {
	case KindOwner:
		return new(OrderOwner)
	case KindSubmitting:
		return new(OrderSubmitting)
	case KindAccepted:
		return new(OrderAccepted)
	case KindFilled:
		return new(OrderFilled)
	case KindSettled:
		return new(OrderSettled)
	case KindSettlementFailed:
		return new(OrderSettlementFailed)
	case KindCancelling:
		return new(OrderCancelling)
	case KindCancelled:
		return new(OrderCancelled)
	case KindRejected:
		return new(OrderRejected)
	case KindUnknown:
		return new(OrderUnknown)
	case KindCancelPending:
		return new(OrderCancelPending)
	case KindCancelRejected:
		return new(OrderCancelRejected)
	case KindCancelAllDone:
		return new(OrderCancelAllDone)
	case KindForeign:
		return new(OrderForeign)
	case KindHalted:
		return new(OrderHalted)
	case KindResumed:
		return new(OrderResumed)
	case KindControlRejected:
		return new(OrderControlRejected)
	case KindAnomaly:
		return new(OrderAnomaly)
	case KindCompared:
		return new(OrderCompared)
	case KindHeld:
		return new(OrderHeld)
	}
	return nil
}

func newTxEvent(t Type) Event {
	switch t {
	case KindTxOwner:
		return new(OrderOwner)
	case KindTxReady:
		return new(TxReady)
	case KindTxHeld:
		return new(TxHeld)
	case KindTxReleased:
		return new(TxReleased)
	case KindTxApprovals:
		return new(TxApprovals)
	case KindTxQueued:
		return new(TxQueued)
	case KindTxSealed, KindTxSubmitting, KindTxSubmitted, KindTxMined:
		return new(TxUnit)
	case KindTxRerouted:
		return new(TxRerouted)
	case KindTxWaiting:
		return new(TxWaiting)
	case KindTxConfirmed:
		return new(TxConfirmed)
	case KindTxFailed, KindTxDropped:
		return new(TxFailed)
	}
	return nil
}

func newLedgerEvent(t Type) Event {
	switch t {
	case KindBalance:
		return new(LedgerBalance)
	case KindReconciled, KindDiscrepancy:
		return new(LedgerReconciled)
	case KindHead:
		return new(LedgerHead)
	}
	return nil
}
