package msgs

import "sluice/pkg/money"

// Urgency is how long on-chain work may wait for company.
type Urgency string

const (
	High   Urgency = "high"   // about a second
	Normal Urgency = "normal" // about half a minute
	Low    Urgency = "low"    // about an hour
)

// TxCommon is what every command for on-chain work may carry.
type TxCommon struct {
	Common
	RequestID  RequestID `json:"request_id"`
	Urgency    Urgency   `json:"urgency,omitempty" enum:"high,normal,low"`
	DeadlineMS int64     `json:"deadline_ms,omitempty" doc:"it does not leave after that"`
}

// AmountOrMax is an amount, or everything there is. Its JSON is a decimal string or "max".
type AmountOrMax struct {
	Max    bool
	Amount money.Cash
}

// MarshalJSON writes "max" or a decimal string.
func (a AmountOrMax) MarshalJSON() ([]byte, error) {
	if a.Max {
		return []byte(`"max"`), nil
	}
	return a.Amount.MarshalJSON()
}

// UnmarshalJSON reads "max" or a decimal string.
func (a *AmountOrMax) UnmarshalJSON(b []byte) error {
	if string(b) == `"max"` {
		*a = AmountOrMax{Max: true}
		return nil
	}
	a.Max = false
	return a.Amount.UnmarshalJSON(b)
}

// Split turns collateral into full sets (cmd.tx.<account>.split).
type Split struct {
	TxCommon
	ConditionID ConditionID `json:"condition_id"`
	Amount      money.Cash  `json:"amount"`
}

// Merge turns full sets into collateral (cmd.tx.<account>.merge).
type Merge struct {
	TxCommon
	ConditionID ConditionID `json:"condition_id"`
	Amount      AmountOrMax `json:"amount"`
	AllowHeld   bool        `json:"allow_held,omitempty" doc:"take also what resting orders need"`
}

// Redeem turns a resolved market's shares into collateral (cmd.tx.<account>.redeem).
type Redeem struct {
	TxCommon
	ConditionID ConditionID `json:"condition_id"`
}

// Convert turns No shares of a neg-risk event into Yes shares of the others (cmd.tx.<account>.convert).
type Convert struct {
	TxCommon
	ConditionID ConditionID `json:"condition_id"`
	Amount      AmountOrMax `json:"amount"`
}

// Wrap turns USDC.e into pUSD (cmd.tx.<account>.wrap).
type Wrap struct {
	TxCommon
	Amount AmountOrMax `json:"amount"`
}

// Unwrap turns pUSD into USDC.e (cmd.tx.<account>.unwrap).
type Unwrap struct {
	TxCommon
	Amount AmountOrMax `json:"amount"`
}

// Approve allows known spenders (cmd.tx.<account>.approve).
type Approve struct {
	TxCommon
	Set string `json:"set" enum:"trading"`
}

// Deploy creates the account's wallet on chain (cmd.tx.<account>.deploy).
type Deploy struct{ TxCommon }

// Transfer moves funds to an address of the configuration file (cmd.tx.<account>.transfer).
type Transfer struct {
	TxCommon
	Asset     string      `json:"asset,omitempty" enum:"pUSD,USDC.e,POL"`
	TokenID   TokenID     `json:"token_id,omitempty"`
	Amount    AmountOrMax `json:"amount"`
	To        string      `json:"to" schema:"address"`
	AllowHeld bool        `json:"allow_held,omitempty"`
}

// TxCancel takes back what has not left (cmd.tx.<account>.cancel).
type TxCancel struct {
	Common
	RequestID RequestID `json:"request_id"`
	Cancels   RequestID `json:"cancels"`
}

// Kinds of events about on-chain work.
const (
	KindTxQueued     Type = "tx.queued"
	KindTxSealed     Type = "tx.sealed"
	KindTxSubmitting Type = "tx.submitting"
	KindTxSubmitted  Type = "tx.submitted"
	KindTxMined      Type = "tx.mined"
	KindTxRerouted   Type = "tx.rerouted"
	KindTxWaiting    Type = "tx.waiting"
	KindTxConfirmed  Type = "tx.confirmed"
	KindTxFailed     Type = "tx.failed"
	KindTxDropped    Type = "tx.dropped"
)

// Carrier is who brings a unit onto the chain.
type Carrier string

const (
	ByRelayer Carrier = "relayer"
	ByOwnGas  Carrier = "own_gas"
)

// TxQueued says that a command is taken and when it leaves at the latest.
type TxQueued struct {
	Head
	LeavesByMS int64 `json:"leaves_by_ms"`
}

// TxUnit is a step in the life of a unit: sealed, submitting, submitted or mined, by its type.
type TxUnit struct {
	Head
	Unit       string      `json:"unit"`
	RequestIDs []RequestID `json:"request_ids"`
	Carrier    Carrier     `json:"carrier" enum:"relayer,own_gas"`
	Nonce      string      `json:"nonce,omitempty"`
	TxHash     TxHash      `json:"tx_hash,omitempty"`
}

// TxRerouted says that a unit goes another way.
type TxRerouted struct {
	Head
	Unit  string  `json:"unit"`
	From  Carrier `json:"from" enum:"relayer,own_gas"`
	To    Carrier `json:"to" enum:"relayer,own_gas"`
	Cause string  `json:"cause"`
}

// TxWaiting says what waits, until when, why, and what would help.
type TxWaiting struct {
	Head
	RequestIDs []RequestID `json:"request_ids"`
	UntilMS    int64       `json:"until_ms"`
	Cause      string      `json:"cause"`
	Fix        string      `json:"fix"`
}

// TxConfirmed is the final good word about a request, with its effect on the balances (asset or token id → change).
type TxConfirmed struct {
	Head
	Unit    string  `json:"unit"`
	Carrier Carrier `json:"carrier" enum:"relayer,own_gas"`
	TxHash  TxHash  `json:"tx_hash"`
	Block   uint64  `json:"block"`
	Effect  Effect  `json:"effect"`
	GasPOL  string  `json:"gas_pol" schema:"decimal18" doc:"POL paid, up to 18 decimals"`
	Final   bool    `json:"final"`
}

// TxFailed is the final bad word about a request: failed on chain, or dropped before.
type TxFailed struct {
	Head
	Unit   string `json:"unit,omitempty"`
	Error  *Error `json:"error"`
	TxHash TxHash `json:"tx_hash,omitempty"`
	Final  bool   `json:"final"`
}

// TxQuestion is svc.relayer.<account>.request.
type TxQuestion struct {
	RequestID RequestID `json:"request_id"`
}

// TxAnswer is where a request stands; it includes every event up to n.
type TxAnswer struct {
	N         uint64    `json:"n"`
	RequestID RequestID `json:"request_id"`
	Last      Type      `json:"last" doc:"type of the latest event about it"`
	Unit      string    `json:"unit,omitempty"`
	Carrier   Carrier   `json:"carrier,omitempty" enum:"relayer,own_gas"`
	TxHash    TxHash    `json:"tx_hash,omitempty"`
	Error     *Error    `json:"error,omitempty"`
	Final     bool      `json:"final"`
}

// QuotaAnswer is the reply to svc.relayer.<account>.quota.
type QuotaAnswer struct {
	Tier           string    `json:"tier"`
	Limit          int       `json:"limit"`
	Used           int       `json:"used"`
	Reserved       int       `json:"reserved"`
	Remaining      int       `json:"remaining"`
	ResetsMS       int64     `json:"resets_ms"`
	LastCallMS     int64     `json:"last_call_ms"`
	Warning        bool      `json:"warning"`
	RunsOutMS      *int64    `json:"runs_out_ms"`
	PerMinute      PerMinute `json:"per_minute"`
	BlockedUntilMS *int64    `json:"blocked_until_ms"`
}

// PerMinute is the short window beside the daily quota.
type PerMinute struct {
	Limit int `json:"limit"`
	Used  int `json:"used"`
}

// TxPayload is what a unit makes its wallet do: all that its signature is a function of, so that a restart makes the same bytes.
type TxPayload struct {
	Unit       string       `json:"unit"`
	RequestIDs []RequestID  `json:"request_ids"`
	Wallet     string       `json:"wallet" schema:"address"`
	Kind       string       `json:"kind" enum:"eoa,proxy,safe,deposit"`
	Create     bool         `json:"create,omitempty" doc:"the wallet's creation; there are no calls then"`
	Nonce      uint64       `json:"nonce" doc:"the wallet's own; 0 for an eoa, whose transactions get theirs when they are sent"`
	Relay      string       `json:"relay,omitempty" doc:"of a proxy wallet: the relay worker that the signature names"`
	DeadlineS  int64        `json:"deadline_s,omitempty" doc:"of a deposit wallet: the batch is void after it, Unix seconds"`
	Hash       string       `json:"hash,omitempty" doc:"the wallet's own name for it, which the chain's events carry"`
	Calls      List[TxCall] `json:"calls"`
}

// TxCall is one call of a contract, without value. RequestIDs says whose it is; none: all that need the permission it grants.
type TxCall struct {
	To         string      `json:"to" schema:"address"`
	Data       string      `json:"data" doc:"hexadecimal, with 0x"`
	RequestIDs []RequestID `json:"request_ids,omitempty"`
}
