package msgs

// Account is the short name of one trading identity, as it stands in subjects: [a-z0-9][a-z0-9_-]{0,31}.
type Account string

// AllAccounts is the name under which a control command means every account; no account may bear it.
const AllAccounts Account = "all"

// ClientOrderID is the id that the sender chose for an order: 1–64 of [A-Za-z0-9._-], used once per account.
type ClientOrderID string

// RequestID is the id that the sender chose for a command that is not an order; same alphabet as ClientOrderID.
type RequestID string

// TokenID is the venue's id of one outcome: decimal digits of a 256-bit number, without leading zeros.
type TokenID string

// ConditionID is the id of a market: 0x and 64 lower-case hex digits.
type ConditionID string

// OrderID is the venue's id of an order, which is the hash of what was signed: 0x and 64 lower-case hex digits.
type OrderID string

// TradeID is the venue's id of a trade.
type TradeID string

// TxHash is the hash of a transaction on chain: 0x and 64 lower-case hex digits; empty while not known.
type TxHash string

// Env says whose money it is. It is stamped into every log and book; a process of another env refuses to open them.
type Env string

const (
	Sandbox Env = "sandbox"
	Paper   Env = "paper"
	Live    Env = "live"
)

// Side is the side of an order.
type Side string

const (
	Buy  Side = "BUY"
	Sell Side = "SELL"
)

// OrderType says how long an order wants to live.
type OrderType string

const (
	GTC OrderType = "GTC" // rests until filled or cancelled
	GTD OrderType = "GTD" // rests until expires_ms
	FOK OrderType = "FOK" // all at once or nothing
	FAK OrderType = "FAK" // what is there at once, the rest is killed
)

// Rests reports whether an order of this type can wait in the book.
func (t OrderType) Rests() bool { return t == GTC || t == GTD }

// State is where an order stands.
type State string

const (
	Submitting State = "submitting" // decided; not yet known to be at the venue
	Open       State = "open"       // resting at the venue
	Delayed    State = "delayed"    // accepted, held by the venue
	Unknown    State = "unknown"    // sent, answer lost
	Filled     State = "filled"     // nothing remains
	Cancelled  State = "cancelled"  // no longer resting; may have been filled in part
	Rejected   State = "rejected"   // never traded
)

// Role says on which side of a match an order was.
type Role string

const (
	Maker Role = "MAKER"
	Taker Role = "TAKER"
)

// ValidAccount reports whether s can be an account's name.
func ValidAccount(s string) bool {
	if len(s) == 0 || len(s) > 32 || s == string(AllAccounts) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || i > 0 && (c == '_' || c == '-') {
			continue
		}
		return false
	}
	return true
}

// ValidID reports whether s can be a client order id or a request id.
func ValidID(s string) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-' {
			continue
		}
		return false
	}
	return true
}

// ValidTokenID reports whether s is a decimal number without leading zeros that can fit 256 bits.
func ValidTokenID(s string) bool {
	if len(s) == 0 || len(s) > 78 || s[0] == '0' {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// ValidHash reports whether s is 0x and 64 lower-case hex digits.
func ValidHash(s string) bool {
	if len(s) != 66 || s[:2] != "0x" {
		return false
	}
	for i := 2; i < len(s); i++ {
		if c := s[i]; !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
			return false
		}
	}
	return true
}
