package msgs

import (
	"encoding/json"

	"sluice/pkg/money"
)

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

// Transfer moves money or shares to an address of the configuration file (cmd.tx.<account>.transfer). POL is none of it: it is what
// the owner pays gas with, and no command moves it.
type Transfer struct {
	TxCommon
	Asset     string      `json:"asset,omitempty" enum:"pUSD,USDC.e"`
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
	KindTxOwner      Type = "tx.owner"
	KindTxReady      Type = "tx.ready"
	KindTxHeld       Type = "tx.held"
	KindTxQueued     Type = "tx.queued"
	KindTxSealed     Type = "tx.sealed"
	KindTxSubmitting Type = "tx.submitting"
	KindTxSubmitted  Type = "tx.submitted"
	KindTxMined      Type = "tx.mined"
	KindTxRerouted   Type = "tx.rerouted"
	KindTxWaiting    Type = "tx.waiting"
	KindTxReleased   Type = "tx.released"
	KindTxApprovals  Type = "tx.approvals"
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

// TxReady says that everything that was stored before the claim is decided: units leave from here on.
type TxReady struct {
	Head
	Accepted bool `json:"accepted,omitempty" doc:"the log was in doubt and is accepted as it stands"`
}

// TxHeld says that a claimed log may be lost or rolled back. What is asked is dropped, and no unit leaves, until an operator
// accepts the log: what an earlier log has had executed would be executed again.
type TxHeld struct {
	Head
	Doubts []Error `json:"doubts"`
}

// Judged says that what the starts have found is judged with this event.
func (*TxReady) Judged() {}

// Judged says that what the starts have found is judged with this event.
func (*TxHeld) Judged() {}

// TxQueued says that a command is taken and when it leaves at the latest. It carries the whole command, and what the account
// knew of its market then.
type TxQueued struct {
	Head
	LeavesByMS int64           `json:"leaves_by_ms"`
	Verb       string          `json:"verb,omitempty"`
	Command    json.RawMessage `json:"command,omitempty" schema:"object"`
	StoredMS   int64           `json:"stored_ms,omitempty" doc:"when the command was stored"`
	ReplyTo    string          `json:"reply_to,omitempty"`
	Tokens     []TokenID       `json:"tokens,omitempty" doc:"of the condition, by outcome"`
	NegRisk    bool            `json:"neg_risk,omitempty"`
	QuestionID string          `json:"question_id,omitempty" doc:"of a condition whose shares are converted"`
}

// TxUnit is a step in the life of a unit: sealed, submitting, submitted or mined, by its type.
type TxUnit struct {
	Head
	Unit       string      `json:"unit"`
	RequestIDs []RequestID `json:"request_ids"`
	Carrier    Carrier     `json:"carrier" enum:"relayer,own_gas"`
	Nonce      string      `json:"nonce,omitempty"`
	TxHash     TxHash      `json:"tx_hash,omitempty"`
	Block      uint64      `json:"block,omitempty" doc:"of mined: not yet final"`
	RelayerID  string      `json:"relayer_id,omitempty" doc:"of submitted: the relayer's name for it"`
	Refused    []TxRefused `json:"refused,omitempty" doc:"of submitted: calls of an EOA that are not sent, because they would fail"`
	Payload    *TxPayload  `json:"payload,omitempty" doc:"of sealed: all that the signature is a function of"`
	Shares     []TxShare   `json:"shares,omitempty" doc:"of sealed: what each request shall change"`
}

// TxRefused is one call of an EOA's unit that is not sent, and why.
type TxRefused struct {
	Call  int    `json:"call" doc:"its number in the payload, from 0"`
	Error *Error `json:"error"`
}

// TxShare is what one request of a unit shall change. Unknown: what it brings only the chain can tell.
type TxShare struct {
	RequestID RequestID   `json:"request_id"`
	Effect    Effect      `json:"effect"`
	Unknown   bool        `json:"unknown,omitempty"`
	Redeems   ConditionID `json:"redeems,omitempty" doc:"the condition whose positions it turns into money; its effect names them, with what the wallet had of them"`
}

// TxRerouted says that a unit goes another way.
type TxRerouted struct {
	Head
	Unit    string          `json:"unit"`
	From    Carrier         `json:"from" enum:"relayer,own_gas"`
	To      Carrier         `json:"to" enum:"relayer,own_gas"`
	Cause   string          `json:"cause"`
	Code    Code            `json:"code,omitempty"`
	Left    bool            `json:"left,omitempty" doc:"signed bytes of it have left, or may have"`
	UntilMS int64           `json:"until_ms,omitempty" doc:"when the first carrier may be asked again"`
	Refusal json.RawMessage `json:"refusal,omitempty" schema:"object" doc:"the carrier's, as it was recorded"`
}

// TxWaiting says what waits, until when, why, and what would help. With a unit: what is sealed waits.
type TxWaiting struct {
	Head
	RequestIDs []RequestID     `json:"request_ids"`
	UntilMS    int64           `json:"until_ms" doc:"0: not known"`
	Cause      string          `json:"cause"`
	Fix        string          `json:"fix"`
	Code       Code            `json:"code,omitempty"`
	Unit       string          `json:"unit,omitempty"`
	AgainMS    int64           `json:"again_ms,omitempty" doc:"of a unit: when it is tried again"`
	Left       bool            `json:"left,omitempty" doc:"of a unit: signed bytes of it have left, or may have"`
	Part       bool            `json:"part,omitempty" doc:"of an EOA's unit: own gas has taken on some of its calls, so it is brought to its end"`
	Unsure     bool            `json:"unsure,omitempty" doc:"of a unit: whether own gas has taken it on is not known"`
	Refusal    json.RawMessage `json:"refusal,omitempty" schema:"object" doc:"of a unit: the carrier's, as it was recorded"`
	Answers    bool            `json:"answers,omitempty" doc:"the relayer, which was away, answers again: it is asked at once"`
}

// TxReleased says that a unit is over without an effect so far. The requests that it names are queued again.
type TxReleased struct {
	Head
	Unit       string          `json:"unit"`
	RequestIDs List[RequestID] `json:"request_ids"`
	Cause      string          `json:"cause"`
	Code       Code            `json:"code"`
	Live       bool            `json:"live,omitempty" doc:"it can still have effect at its nonce, which nothing else but units of the same nonce are sealed for until it is used"`
	Lost       bool            `json:"lost,omitempty" doc:"something foreign has used its nonce"`
}

// TxApprovals says which permissions the wallet lacks, as read from the chain.
type TxApprovals struct {
	Head
	ReadMS  int64            `json:"read_ms" doc:"when; 0: what was known is doubted, and is read again when it is needed"`
	Block   uint64           `json:"block"`
	Missing List[TxApproval] `json:"missing"`
}

// TxApproval is one permission of a wallet.
type TxApproval struct {
	Name      string `json:"name"`
	Token     string `json:"token" schema:"address"`
	Spender   string `json:"spender" schema:"address"`
	Positions bool   `json:"positions,omitempty"`
}

// TxConfirmed is the final good word about a request, with its effect on the balances (asset or token id → change). Without a
// unit there was nothing to do on chain. The effects of a unit's requests add up to what the chain shows, and so does gas.
type TxConfirmed struct {
	Head
	Unit    string          `json:"unit,omitempty"`
	Carrier Carrier         `json:"carrier,omitempty" enum:"relayer,own_gas"`
	TxHash  TxHash          `json:"tx_hash,omitempty"`
	Block   uint64          `json:"block,omitempty"`
	Effect  Effect          `json:"effect"`
	GasPOL  string          `json:"gas_pol" schema:"decimal18" doc:"POL paid, up to 18 decimals"`
	Final   bool            `json:"final"`
	Late    bool            `json:"late,omitempty" doc:"this contradicts an earlier final word; believe it"`
	Meta    json.RawMessage `json:"meta,omitempty" schema:"object"`
}

// TxFailed is the final bad word about a request: failed on chain, or dropped before.
type TxFailed struct {
	Head
	Unit   string          `json:"unit,omitempty"`
	Error  *Error          `json:"error"`
	TxHash TxHash          `json:"tx_hash,omitempty"`
	Final  bool            `json:"final"`
	Meta   json.RawMessage `json:"meta,omitempty" schema:"object"`
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

// QuotaAnswer is the reply to svc.relayer.<account>.quota: the book of the account's credential, which other accounts may use too.
type QuotaAnswer struct {
	Book           string    `json:"book" doc:"the credential whose units they are, by a name that is no secret: accounts with the same book share them"`
	Tier           string    `json:"tier"`
	Limit          int       `json:"limit" doc:"units of any 24 hours; 0: no daily limit"`
	Used           int       `json:"used" doc:"units that are charged, those reserved among them"`
	Reserved       int       `json:"reserved" doc:"charged, and nobody knows yet what became of them"`
	Remaining      int       `json:"remaining" doc:"that may be spent now, the last five for money that must come home; 0 while blocked"`
	ResetsMS       int64     `json:"resets_ms" doc:"when the next unit comes back, or the block ends; 0: nothing is used"`
	LastCallMS     int64     `json:"last_call_ms" doc:"when a unit was last reserved; 0: never"`
	Warning        bool      `json:"warning" doc:"half is used"`
	RunsOutMS      *int64    `json:"runs_out_ms" doc:"at the pace of the last six hours; null: not within a day"`
	PerMinute      PerMinute `json:"per_minute"`
	BlockedUntilMS *int64    `json:"blocked_until_ms" doc:"the relayer has refused for want of units until then"`
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
	Block      uint64       `json:"block,omitempty" doc:"the newest when the wallet's nonce was read for it"`
	Chain      string       `json:"chain,omitempty" doc:"of the sandbox, whose chain begins anew with each start: its first block"`
	Calls      List[TxCall] `json:"calls"`
}

// TxCall is one call of a contract, without value. RequestIDs says whose it is; none: all that need the permission it grants.
type TxCall struct {
	To         string      `json:"to" schema:"address"`
	Data       string      `json:"data" doc:"hexadecimal, with 0x"`
	RequestIDs []RequestID `json:"request_ids,omitempty"`
}
