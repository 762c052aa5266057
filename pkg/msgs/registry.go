package msgs

// Message is one type of message: what it is called, how it is meant, what Go value holds it.
type Message struct {
	Type  Type
	Class Class
	Doc   string
	New   func() any // a pointer to an empty value
}

// Messages is every type of message, in the order of the table. It is made anew at each call.
func Messages() []Message {
	out := commandMessages()
	out = append(out, Message{TypeEnvelope, ClassPart, "one message on the log: everything that was decided at one moment", func() any { return new(Envelope) }})
	out = append(out, eventMessages()...)
	out = append(out, plainMessages()...)
	return out
}

// NewMessage gives the empty value of type t, nil for an unknown one. An event's head bears its type.
func NewMessage(t Type) any {
	for _, m := range Messages() {
		if m.Type == t {
			return m.New()
		}
	}
	return nil
}

func commandMessages() []Message {
	var out []Message
	seen := make(map[Type]bool)
	for _, r := range Table() {
		if r.Class != ClassCommand || seen[r.Types[0]] {
			continue
		}
		seen[r.Types[0]] = true
		family, _, verb, _ := SplitCmd(r.Subject)
		out = append(out, Message{r.Types[0], ClassCommand, r.Doc, func() any { return NewCommand(family, verb) }})
	}
	return out
}

func eventMessages() []Message {
	docs := []struct {
		t   Type
		doc string
	}{
		{KindOwner, "a claim: from here on only this owner writes the family"},
		{KindSubmitting, "on disk before a byte leaves; may be about several orders; order_id is already final"},
		{KindAccepted, "the venue has the order"},
		{KindFilled, "one trade leg, provisional until settled"},
		{KindSettled, "a fill is final on chain"},
		{KindSettlementFailed, "a fill was reversed: filled goes down again"},
		{KindCancelling, "the wish that orders end, so that a restart carries it on; of a cancel_all or a halt with its barrier"},
		{KindCancelled, "an order no longer rests"},
		{KindRejected, "a command or an order was refused, and never traded"},
		{KindUnknown, "sent, answer lost, being looked up; do not submit again"},
		{KindCancelPending, "a cancel is not yet possible and goes on"},
		{KindCancelRejected, "a cancel did not work, and why"},
		{KindCancelAllDone, "the end of a cancel_all, or of a halt with cancel"},
		{KindForeign, "an order on this account that Sluice did not place"},
		{KindHalted, "nothing new leaves from here on"},
		{KindResumed, "new commands are taken again"},
		{KindControlRejected, "a halt, a resume or a cancel_all could not be understood; nothing was changed by it"},
		{KindAnomaly, "the venue said something that does not fit; the order's state follows the venue"},
		{KindCompared, "after a claim: the log agrees with the venue and the ledger; orders leave from here on"},
		{KindHeld, "after a claim: the log may be lost or rolled back; no new order leaves until it is accepted"},
		{KindTxOwner, "a claim: from here on only this owner writes the family"},
		{KindTxReady, "after a claim: what was stored before is decided; units leave from here on"},
		{KindTxHeld, "after a claim: the log may be lost or rolled back; what is asked is dropped until it is accepted"},
		{KindTxQueued, "a command is taken, and leaves by then at the latest"},
		{KindTxSealed, "a unit is closed: what it holds no longer changes"},
		{KindTxSubmitting, "on disk before the unit leaves"},
		{KindTxSubmitted, "the carrier has the unit"},
		{KindTxMined, "the unit is in a block, not yet final"},
		{KindTxRerouted, "the unit goes another way"},
		{KindTxWaiting, "what waits, until when, why, and what would help"},
		{KindTxReleased, "a unit is over without an effect so far; its requests that are named are queued again"},
		{KindTxApprovals, "which permissions the wallet lacks, as read from the chain"},
		{KindTxConfirmed, "final: done, with its effect on the balances"},
		{KindTxFailed, "final: failed on chain"},
		{KindTxDropped, "final: never left"},
		{KindBalance, "one change of one balance"},
		{KindReconciled, "what was expected is what the chain shows"},
		{KindDiscrepancy, "what was expected is not what the chain shows"},
		{KindHead, "where the chain of entries stands"},
	}
	out := make([]Message, len(docs))
	for i, d := range docs {
		out[i] = Message{d.t, ClassEvent, d.doc, func() any { return New(d.t) }}
	}
	return out
}

func plainMessages() []Message {
	const q, a = ClassQuestion, ClassAnswer
	return []Message{
		{TypeFeedOrder, ClassFeed, "the venue's private word about an order", func() any { return new(FeedOrder) }},
		{TypeFeedTrade, ClassFeed, "the venue's private word about a trade, one for each status", func() any { return new(FeedTrade) }},
		{TypeBook, ClassMarket, "a token's book, best level first on both sides", func() any { return new(Book) }},
		{TypeRaw, ClassMarket, "the venue's own frame with an envelope", func() any { return new(Raw) }},
		{TypeLastTrade, ClassMarket, "a public trade", func() any { return new(LastTrade) }},
		{TypeMarket, ClassMarket, "what a signature needs to know about a market", func() any { return new(Market) }},
		{TypeFeedStatus, ClassMarket, "how a connection to a venue is", func() any { return new(FeedStatus) }},
		{TypeRefPrice, ClassMarket, "a reference price", func() any { return new(RefPrice) }},
		{TypeEmptyQuestion, q, "a question that needs no words", func() any { return new(Empty) }},
		{TypeOrderQuestion, q, "which order", func() any { return new(OrderQuestion) }},
		{TypeOrderAnswer, a, "one order; includes every event up to n", func() any { return new(OrderAnswer) }},
		{TypeOrdersQuestion, q, "which page of which orders", func() any { return new(OrdersQuestion) }},
		{TypeOrdersAnswer, a, "a page of orders; next is empty on the last one", func() any { return new(OrdersAnswer) }},
		{TypeStatusAnswer, a, "how the account stands", func() any { return new(StatusAnswer) }},
		{TypeBalancesAnswer, a, "cash and positions", func() any { return new(BalancesAnswer) }},
		{TypePositionsAnswer, a, "positions", func() any { return new(PositionsAnswer) }},
		{TypeHistoryQuestion, q, "which page of which changes", func() any { return new(HistoryQuestion) }},
		{TypeHistoryAnswer, a, "a page of balance changes", func() any { return new(HistoryAnswer) }},
		{TypeHoldsAnswer, a, "what is held, and what for", func() any { return new(HoldsAnswer) }},
		{TypePositionAnswer, a, "what is booked of the account's streams", func() any { return new(LedgerPosition) }},
		{TypeTxQuestion, q, "which request", func() any { return new(TxQuestion) }},
		{TypeTxAnswer, a, "where a request stands", func() any { return new(TxAnswer) }},
		{TypeQuotaAnswer, a, "units used, reserved and left", func() any { return new(QuotaAnswer) }},
		{TypeBookQuestion, q, "which token", func() any { return new(BookQuestion) }},
		{TypePriceAnswer, a, "one price of a book", func() any { return new(PriceAnswer) }},
		{TypeTickAnswer, a, "a token's tick and smallest order", func() any { return new(TickAnswer) }},
		{TypeMarketsQuestion, q, "which markets", func() any { return new(MarketsQuestion) }},
		{TypeMarketsAnswer, a, "markets", func() any { return new(MarketsAnswer) }},
		{TypeErrorReply, ClassPart, "the reply to a question that could not be answered", func() any { return new(ErrorReply) }},
		{TypeDead, ClassDead, "what could not be tied to an account, or could not be decided", func() any { return new(Dead) }},
	}
}
