package msgs

// Class says how a message is meant and who may say it.
type Class string

const (
	ClassCommand  Class = "command"  // asked of an account, strict
	ClassEvent    Class = "event"    // happened, written by one actor
	ClassFeed     Class = "feed"     // the venue's private word about an account
	ClassMarket   Class = "market"   // the venue's public word
	ClassQuestion Class = "question" // asked of an account's owner, one reply
	ClassAnswer   Class = "answer"   // the reply
	ClassDead     Class = "dead"     // could not be tied to an account, or not be decided
	ClassPart     Class = "part"     // not a message of its own: envelope, error reply
)

// Row is one subject pattern of the bus. <account> and other names in angle brackets stand for one token each.
type Row struct {
	Subject string
	Class   Class
	Types   []Type // what one message holds; of an event family the events inside the envelope
	Answer  Type   // of a question: what the reply holds
	Stream  string // where it is stored, ASK_<account> among them; empty when it is not
	Writer  string
	Readers string
	ID      string // what makes a repeat recognisable
	Doc     string
}

const (
	askRow = "ASK_<account>"
	logRow = "LOG_<account>"

	byStrategy = "strategy"
	byExecutor = "executor"
	byRelayer  = "relayer"
	byLedger   = "ledger"
	byIngest   = "ingest"
	byAll      = "every service"

	idClient  = "client_order_id, once per account"
	idRequest = "request_id, once per account"
	idEvent   = "(account, family, n)"
)

// Table is every subject of the bus, in the order of the contract. It is made anew at each call.
func Table() []Row {
	return join(orderRows(), controlRows(), txRows(), eventRows(), feedRows(), marketRows(), questionRows(), deadRows())
}

func join(parts ...[]Row) []Row {
	var out []Row
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func command(family, account, verb, stream, reader, id, doc string) Row {
	return Row{
		Subject: "cmd." + family + "." + account + "." + verb, Class: ClassCommand, Types: []Type{CommandType(family, verb)},
		Stream: stream, Writer: byStrategy, Readers: reader, ID: id, Doc: doc,
	}
}

func orderRows() []Row {
	const cancelID = "request_id, else client_order_id, else none: to cancel again does no harm"
	return []Row{
		command(FamilyOrder, "<account>", VerbSubmit, askRow, byExecutor, idClient, "place an order"),
		command(FamilyOrder, "<account>", VerbCancel, askRow, byExecutor, cancelID, "end one order or a list of orders, in whatever state"),
		command(FamilyOrder, "<account>", VerbCancelAll, askRow, byExecutor, idRequest, "end everything that matches, queued submits included"),
		command(FamilyOrder, "<account>", VerbReplace, askRow, byExecutor, idClient, "place a new order once the old one is shown closed"),
	}
}

func controlRows() []Row {
	return []Row{
		command(FamilyControl, "<account>", VerbHalt, askRow, byExecutor, idRequest, "let nothing new leave; survives restarts"),
		command(FamilyControl, "<account>", VerbResume, askRow, byExecutor, idRequest, "allow new commands again"),
		command(FamilyControl, string(AllAccounts), VerbHalt, AskAllStream, byExecutor, idRequest, "halt every account"),
		command(FamilyControl, string(AllAccounts), VerbResume, AskAllStream, byExecutor, idRequest, "resume every account"),
	}
}

func txRows() []Row {
	row := func(verb, doc string) Row {
		return command(FamilyTx, "<account>", verb, askRow, byRelayer, idRequest, doc)
	}
	return []Row{
		row(VerbSplit, "turn collateral into full sets"),
		row(VerbMerge, "turn full sets into collateral"),
		row(VerbRedeem, "turn a resolved market's shares into collateral"),
		row(VerbConvert, "turn No shares of a neg-risk event into Yes shares of the others"),
		row(VerbWrap, "turn USDC.e into pUSD"),
		row(VerbUnwrap, "turn pUSD into USDC.e"),
		row(VerbApprove, "allow the known spenders"),
		row(VerbDeploy, "create the account's wallet on chain"),
		row(VerbTransfer, "send funds to an address of the configuration file"),
		row(VerbCancel, "take back what has not left"),
	}
}

func eventRows() []Row {
	return []Row{
		{
			Subject: "evt.order.<account>", Class: ClassEvent, Types: OrderKinds(), Stream: logRow,
			Writer: byExecutor, Readers: "strategy, relayer, ledger", ID: idEvent, Doc: "what became of orders; one message holds one or more events",
		},
		{
			Subject: "evt.tx.<account>", Class: ClassEvent, Types: TxKinds(), Stream: logRow,
			Writer: byRelayer, Readers: "strategy, ledger", ID: idEvent, Doc: "what became of on-chain work",
		},
		{
			Subject: "evt.ledger.<account>", Class: ClassEvent, Types: LedgerKinds(), Stream: logRow,
			Writer: byLedger, Readers: "strategy, executor", ID: idEvent, Doc: "changes of balances, and how they compare with the chain",
		},
	}
}

func feedRows() []Row {
	row := func(what string, t Type, id, doc string) Row {
		return Row{
			Subject: "feed.<account>." + what, Class: ClassFeed, Types: []Type{t}, Stream: askRow,
			Writer: byIngest, Readers: "executor, ledger, strategy", ID: id, Doc: doc,
		}
	}
	return []Row{
		row("order", TypeFeedOrder, "(order_id, status, size_matched)", "the venue's private word about an order, complete, once each"),
		row("trade", TypeFeedTrade, "(trade_id, leg, status)", "the venue's private word about a trade, complete, once for each status"),
	}
}

func marketRows() []Row {
	row := func(subject string, t Type, stream, id, doc string) Row {
		return Row{
			Subject: subject, Class: ClassMarket, Types: []Type{t}, Stream: stream,
			Writer: byIngest, Readers: "strategy, executor", ID: id, Doc: doc,
		}
	}
	return []Row{
		row("md.<venue>.book.<token_id>", TypeBook, MarketStream, "(conn, seq)", "a token's book, best level first; last value kept"),
		row("md.<venue>.raw.<token_id>", TypeRaw, "", "(conn, seq)", "the venue's own frame with an envelope"),
		row("md.<venue>.trade.<token_id>", TypeLastTrade, "", "none", "a public trade"),
		row("md.<venue>.market.<condition_id>", TypeMarket, MarketStream, "condition_id", "what a signature needs to know about a market; last value kept"),
		row("md.<venue>.status", TypeFeedStatus, "", "conn", "how a connection to the venue is"),
		row("ref.<kind>.<symbol>", TypeRefPrice, "", "none", "a reference price"),
	}
}

func questionRows() []Row {
	row := func(subject string, q, a Type, writer, doc string) Row {
		return Row{Subject: "svc." + subject, Class: ClassQuestion, Types: []Type{q}, Answer: a, Writer: byStrategy, Readers: writer, ID: "none", Doc: doc}
	}
	return []Row{
		row("executor.<account>.order", TypeOrderQuestion, TypeOrderAnswer, byExecutor, "one order by either id"),
		row("executor.<account>.orders", TypeOrdersQuestion, TypeOrdersAnswer, byExecutor, "a page of orders"),
		row("executor.<account>.status", TypeEmptyQuestion, TypeStatusAnswer, byExecutor, "how the account stands: queue, venue, limits"),
		row("ledger.<account>.balances", TypeEmptyQuestion, TypeBalancesAnswer, byLedger, "cash and positions, held and available"),
		row("ledger.<account>.positions", TypeEmptyQuestion, TypePositionsAnswer, byLedger, "positions alone"),
		row("ledger.<account>.history", TypeHistoryQuestion, TypeHistoryAnswer, byLedger, "a page of balance changes"),
		row("ledger.<account>.holds", TypeEmptyQuestion, TypeHoldsAnswer, byLedger, "what is held, and for which order or request"),
		row("ledger.<account>.position", TypeEmptyQuestion, TypePositionAnswer, byLedger, "what is booked of the account's streams"),
		row("relayer.<account>.request", TypeTxQuestion, TypeTxAnswer, byRelayer, "one request by its id"),
		row("relayer.<account>.quota", TypeEmptyQuestion, TypeQuotaAnswer, byRelayer, "units used, reserved and left today"),
		row("ingest.book", TypeBookQuestion, TypeBook, byIngest, "a token's book"),
		row("ingest.midpoint", TypeBookQuestion, TypePriceAnswer, byIngest, "the middle of best bid and best ask"),
		row("ingest.price", TypeBookQuestion, TypePriceAnswer, byIngest, "the best price on the side given"),
		row("ingest.tick_size", TypeBookQuestion, TypeTickAnswer, byIngest, "a token's tick and smallest order"),
		row("ingest.markets", TypeMarketsQuestion, TypeMarketsAnswer, byIngest, "the markets that are known"),
	}
}

func deadRows() []Row {
	return []Row{{
		Subject: "dead.<service>.<reason>", Class: ClassDead, Types: []Type{TypeDead}, Stream: DeadStream,
		Writer: byAll, Readers: "operator", ID: "(stream, seq)", Doc: "what could not be tied to an account, or could not be decided",
	}}
}
