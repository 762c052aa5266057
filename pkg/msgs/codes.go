package msgs

// Code names a cause in a way programs can branch on. New codes may be added: an unknown one is final for
// rejected, failed and dropped.
type Code string

// What is wrong with a command.
const (
	BadJSON         Code = "bad_json"
	UnknownField    Code = "unknown_field"
	MissingField    Code = "missing_field"
	BadValue        Code = "bad_value"
	NumberNotString Code = "number_not_string"
	TooLarge        Code = "too_large"
	UnknownAccount  Code = "unknown_account"
	UnknownVerb     Code = "unknown_verb"
	UnknownToken    Code = "unknown_token"
	BadMsgID        Code = "bad_msg_id"
	BadReplyTo      Code = "bad_reply_to"
	Forbidden       Code = "forbidden"
)

// What is wrong with an order.
const (
	PriceOffTick     Code = "price_off_tick"
	TooManyDecimals  Code = "too_many_decimals"
	BelowMinSize     Code = "below_min_size"
	NoFreshBook      Code = "no_fresh_book"
	WouldCross       Code = "would_cross"
	FOKNotFilled     Code = "fok_not_filled"
	FAKNoMatch       Code = "fak_no_match"
	CapOrder         Code = "cap_order"
	CapMarket        Code = "cap_market"
	CapDay           Code = "cap_day"
	CapOpenOrders    Code = "cap_open_orders"
	Halted           Code = "halted"
	NotLive          Code = "not_live"
	NotEnoughBalance Code = "not_enough_balance"
)

// What became of an order or a command.
const (
	ExpiredInQueue      Code = "expired_in_queue"
	ClockSkew           Code = "clock_skew"
	DuplicateID         Code = "duplicate_id"
	IDTooOld            Code = "id_too_old"
	ReplacedOrderFilled Code = "replaced_order_filled"
	ReplaceUnresolved   Code = "replace_unresolved"
	NotFound            Code = "not_found"
	AlreadyFinal        Code = "already_final"
	AlreadyFilled       Code = "already_filled"
	NotPlaced           Code = "not_placed"
	HeldByDelay         Code = "held_by_delay"
	VenueRejected       Code = "venue_rejected"
	QueueFull           Code = "queue_full"
	NoSpace             Code = "no_space"
	Poison              Code = "poison"
)

// What is wrong with the venue, or between it and us.
const (
	MarketClosed    Code = "market_closed"
	ClosedOnly      Code = "closed_only"
	CancelOnly      Code = "cancel_only"
	Geoblocked      Code = "geoblocked"
	Blocked         Code = "blocked"
	Unauthorised    Code = "unauthorised"
	VersionMismatch Code = "version_mismatch"
	VenueDown       Code = "venue_down"
)

// What is wrong with the log, at a start: why an account is held, and how its submits are refused meanwhile.
const (
	LogInDoubt    Code = "log_in_doubt"
	LogLost       Code = "log_lost"
	LogRolledBack Code = "log_rolled_back"
	LogOther      Code = "log_other"
	LaneLost      Code = "lane_lost"
	UnknownOrders Code = "unknown_orders"
	UnknownTrades Code = "unknown_trades"
)

// What is wrong with on-chain work.
const (
	DeadlinePassed       Code = "deadline_passed"
	QuotaExhausted       Code = "quota_exhausted"
	NoGas                Code = "no_gas"
	NotCapable           Code = "not_capable"
	WouldRevert          Code = "would_revert"
	Reverted             Code = "reverted"
	DestinationNotListed Code = "destination_not_listed"
	HeldByOrders         Code = "held_by_orders"
	Withdrawn            Code = "withdrawn"       // taken back by a cancel before it left
	AlreadyLeft          Code = "already_left"    // of a cancel: what it means is in a unit that is under way
	NonceTaken           Code = "nonce_taken"     // something else has used the wallet's nonce
	RelayerRefused       Code = "relayer_refused" // the relayer does not carry it
	RelayerFailed        Code = "relayer_failed"  // the relayer took it and did not get it done
	NotDeployed          Code = "not_deployed"    // the wallet is not on chain
)

// Codes lists every code of this version, in the order above.
func Codes() []Code {
	return []Code{
		BadJSON, UnknownField, MissingField, BadValue, NumberNotString, TooLarge, UnknownAccount, UnknownVerb,
		UnknownToken, BadMsgID, BadReplyTo, Forbidden, PriceOffTick, TooManyDecimals, BelowMinSize, NoFreshBook,
		WouldCross, FOKNotFilled, FAKNoMatch, CapOrder, CapMarket, CapDay, CapOpenOrders, Halted, NotLive,
		NotEnoughBalance, ExpiredInQueue, ClockSkew, DuplicateID, IDTooOld, ReplacedOrderFilled, ReplaceUnresolved,
		NotFound, AlreadyFinal, AlreadyFilled, NotPlaced, HeldByDelay, VenueRejected, QueueFull, NoSpace, Poison, MarketClosed,
		ClosedOnly, CancelOnly, Geoblocked, Blocked, Unauthorised, VersionMismatch, VenueDown, LogInDoubt, LogLost,
		LogRolledBack, LogOther, LaneLost, UnknownOrders, UnknownTrades, DeadlinePassed,
		QuotaExhausted, NoGas, NotCapable, WouldRevert, Reverted, DestinationNotListed, HeldByOrders,
		Withdrawn, AlreadyLeft, NonceTaken, RelayerRefused, RelayerFailed, NotDeployed,
	}
}

// Error is what a person meets when something did not work: what happened, why, and what to do.
type Error struct {
	Code   Code   `json:"code"`
	Cause  string `json:"cause"`
	Fix    string `json:"fix"`
	Detail string `json:"detail,omitempty"` // of not_enough_balance: unsettled_buy, fee, reserved_by_orders, wrong_wallet, no_allowance, stale_venue_view
	Field  string `json:"field,omitempty"`  // the field that is meant, where it is one
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Cause }

// ErrorReply is the answer of svc.… to a question that could not be answered.
type ErrorReply struct {
	Error *Error `json:"error"`
}
