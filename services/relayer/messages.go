package relayer

import (
	"time"

	"sluice/pkg/evm"
	"sluice/pkg/limits/quota"
	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// Identity is whose wallet it is.
type Identity struct {
	Account   msgs.Account
	Kind      polymarket.WalletKind
	Owner     polymarket.Address // the key's account
	Wallet    polymarket.Address // holds the money; the owner itself for an EOA
	ChainID   uint64
	Contracts polymarket.Contracts
	SendTo    []polymarket.Address // who may receive a transfer, from the configuration file
}

// Asked is one stored command, decoded as far as it could be, with the market's facts beside it.
type Asked struct {
	Seq     uint64    // cmd_seq
	Stored  time.Time // the broker's time stamp
	Verb    string
	Command msgs.Command // nil when Err says that it could not be decoded
	Err     *msgs.Error
	Request msgs.RequestID // as far as it could be recovered
	Hash    string         // of the content
	ReplyTo string         // a valid inbox, or empty
	Market  *msgs.Market   // of the condition that the command names; nil when it names none or none is known
}

// Look asks for all that packing must know of the world. It is harmless. At most one is under way: another that is asked for
// meanwhile is not begun, unless it would begin earlier than one that still waits for its moment, which it replaces.
type Look struct {
	FromMS    int64                // not begun before
	Tokens    []polymarket.TokenID // positions whose balances matter
	Approvals bool                 // read which approvals are missing; else the core's cache counts
}

// Looked is what the world shows, read at one block.
type Looked struct {
	Err       *msgs.Error // nothing could be read: the rest is zero
	AtMS      int64
	Block     uint64
	Chain     string                         // its first block, where chains come and go; else empty
	Deployed  bool                           // the wallet is on chain; true for an EOA
	Nonce     uint64                         // the wallet's next by the chain: the Safe's, the hub's, the deposit wallet's; an EOA's is the sender's affair
	Relay     polymarket.Address             // a proxy wallet's relay worker; zero when the relayer has not said
	Cash      map[polymarket.Address]Amounts // pUSD and USDC.e by token
	Positions map[polymarket.TokenID]Amounts
	Missing   []polymarket.Approval // of the permissions; meaningful when Approvals says so
	Approvals bool                  // the Look asked for them
	Unsure    *msgs.Error           // nobody says what resting orders need: every Held is 0 and proves nothing
	Relayer   Door
	OwnGas    Door
	Quota     quota.View
}

// Amounts is what a wallet has of an asset, and how much of it resting orders and unsettled trades need, in base units.
type Amounts struct{ Have, Held int64 }

// Door says whether a carrier can be used now.
type Door struct {
	Open    bool
	Cause   string    // why not
	Fix     string    // what would help
	UntilMS int64     // when to try again; 0: not known
	Code    msgs.Code // of the cause
}

// Rehearse has the endpoints try calls in order, from the wallet, without a signature.
// While one is under way another is not begun.
type Rehearse struct{ Pack Pack }

// Pack is what may become a unit: whose requests, and the calls that they come to, in order.
type Pack struct {
	Requests  []msgs.RequestID
	Calls     []PackCall
	Nonce     uint64
	Relay     polymarket.Address
	Create    bool // the wallet's creation; then there are no calls
	Carrier   msgs.Carrier
	Approvals bool  // calls grant missing approvals
	AtMS      int64 // of the Look that it was made from
	Block     uint64
	Chain     string
	Shares    []msgs.TxShare
	Purpose   quota.Purpose
}

// PackCall is one call and whose it is; an approval that all need has no request.
type PackCall struct {
	Requests []msgs.RequestID
	Call     polymarket.Call
}

// Rehearsed is how a rehearsal went. Exactly one of Err, Failed >= 0, and neither: it went well.
type Rehearsed struct {
	Pack   Pack
	Err    *msgs.Error // could not be tried: try again
	Failed int         // the number of the first call that would revert, else -1
	Cause  string      // what the contract says
	Gas    uint64      // what all of it takes
	Nonce  uint64      // the wallet's by the block of the rehearsal
}

// Submit has the relayer carry a unit: reserve, sign, look up what may have been sent before, send. It gives Submitted. The same
// unit may be submitted again, with the same bytes, also beside one that is under way.
type Submit struct {
	Unit    msgs.TxPayload
	Every   time.Duration // not begun while the unit's carrier is being asked, nor soon after: within this at most, less at first; 0: at once
	Purpose quota.Purpose
	SendBy  int64 // ms: no byte leaves later; 0: any time
	Left    bool  // signed bytes of it may have left before: they are looked up first
	Sure    bool  // it is sent again whatever nonce the relayer shows: what it shows may be old for good
}

// Submitted is what became of a Submit.
type Submitted struct {
	Unit      string
	ID        string                   // the relayer's; it has been accepted
	Err       *polymarket.RelayerError // it has not, or may have
	Exhausted *quota.Exhausted         // our book has no unit for this purpose
	Denied    *msgs.Error              // the last look before the signature refused
	Left      bool                     // an earlier copy of the same bytes may have left: what refuses this one says nothing about that
	AtMS      int64
}

// Bring has the owner carry a unit and pay for it. It gives Brought. The same unit may be brought again: what was taken on once
// is not taken on twice.
type Bring struct {
	Unit  msgs.TxPayload
	Every time.Duration // as of Submit
	// Refusal is why nothing but this can perform the unit: the relayer's definite refusal of its only submit, or a RelayerError
	// that never left, where none was ever sent. Always there for a proxy wallet, which no nonce guards.
	Refusal *polymarket.RelayerError
	SendBy  int64 // ms: not taken on later, Brought.Err has deadline_passed then; 0: any time
	Unsure  bool  // it may have been taken on before: only the sender's own word says that it has not
}

// Brought is what became of a Bring: taken on durably by the sender, or why not. What the chain makes of it comes as Seen.
type Brought struct {
	Unit string
	// Err: not taken on, by the sender's own word about all of it unless Part or Unknown says otherwise; nothing was signed for the
	// chain: no_gas, would_revert, venue_down (no endpoint), deadline_passed …
	Err  *msgs.Error
	Past bool // with Err: in the newest block the wallet's nonce is past the unit's, so Follow will tell what used it
	Part bool // with Err: calls of an EOA's unit have been taken on, so it must be brought to its end
	// Unknown, with Err: nobody says whether it has been taken on, now or before.
	Unknown bool
	// Refused are the calls of an EOA's unit that are not sent. The others are taken on.
	Refused []msgs.TxRefused
	Denied  *msgs.Error // the last look before the signature refused
	AtMS    int64
}

// Follow watches a unit at its carrier and on the chain until it is final. It gives Seen at every change. A unit is watched once:
// another Follow of it replaces the first, and tells what it sees anew. Several units can be watched at the same time; one whose
// carrier gave up is watched on for as long as its payload can have effect.
type Follow struct {
	Unit    msgs.TxPayload
	ID      string // the relayer's, when known
	Carrier msgs.Carrier
	Refused []msgs.TxRefused // calls of an EOA's unit that were not sent
}

// Seen is where a unit stands. The chain's word counts; the relayer's only says where to look.
type Seen struct {
	Unit     string
	State    polymarket.TxState // the relayer's, "" without it
	Message  string             // the relayer's words about a failure
	TxHash   msgs.TxHash        // of the transaction that performed it, or that failed to
	Block    uint64             // 0: in no block
	Final    bool               // the block, or the absence that NonceUsed shows, is final
	Executed bool               // the wallet performed exactly this payload
	// NonceUsed: the wallet's nonce is past the unit's in a final block, and this payload was not what used it.
	NonceUsed bool
	// UsedBy is the wallet's own name for what used the nonce instead, where the chain tells: a Safe's hash. "" otherwise.
	UsedBy string
	// Expired: a deposit batch's deadline has passed in a final block and it was not performed: it never will be.
	Expired bool
	// Reverted: own gas was spent and the transaction reverted for good; the payload can still have effect.
	Reverted bool
	// Elsewhere is the first block of the chain that is shown, when it is not the one for which the unit was sealed: all else is zero.
	Elsewhere string
	Carrier   msgs.Carrier                    // who brought what was executed
	Effect    msgs.Effect                     // on the wallet's balances
	Payouts   map[msgs.ConditionID]money.Cash // of what was redeemed in the transaction, whosever it was
	GasPaid   evm.Wei                         // by the owner
	Steps     []Step                          // of an EOA's unit, one for each call, in order; Executed says that all succeeded
	AtMS      int64
}

// Step is where one call of an EOA's unit stands: each is a transaction of its own.
type Step struct {
	Err     *msgs.Error // it would have reverted and was not sent, or it reverted; final
	TxHash  msgs.TxHash
	Block   uint64 // 0: in no block
	Final   bool
	Effect  msgs.Effect
	GasPaid evm.Wei
}

// Reply sends the present state of a request to an inbox: a copy, at most once.
type Reply struct {
	To    string
	Event msgs.Event
}
