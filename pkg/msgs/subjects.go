package msgs

import "strings"

// Families of commands and events, as the second token of a subject.
const (
	FamilyOrder   = "order"
	FamilyControl = "control"
	FamilyTx      = "tx"
	FamilyLedger  = "ledger"
)

// Verbs of commands. cancel is a verb of the order family and of the tx family.
const (
	VerbSubmit    = "submit"
	VerbCancel    = "cancel"
	VerbCancelAll = "cancel_all"
	VerbReplace   = "replace"
	VerbHalt      = "halt"
	VerbResume    = "resume"
	VerbSplit     = "split"
	VerbMerge     = "merge"
	VerbRedeem    = "redeem"
	VerbConvert   = "convert"
	VerbWrap      = "wrap"
	VerbUnwrap    = "unwrap"
	VerbApprove   = "approve"
	VerbDeploy    = "deploy"
	VerbTransfer  = "transfer"
)

// AskStream is the stream of what was asked of an account, and of its private feed.
func AskStream(a Account) string { return "ASK_" + string(a) }

// LogStream is the stream of what an account's actors wrote.
func LogStream(a Account) string { return "LOG_" + string(a) }

// Streams that are not per account.
const (
	AskAllStream = "ASK_all" // control commands to every account
	MarketStream = "MARKET"  // last book and market fact per subject, in memory
	DeadStream   = "DEAD"    // what could not be tied to an account
	QuotaStream  = "QUOTA"   // the books of daily units
	GasStream    = "GAS"     // what owners' accounts have signed and sent
)

// CmdSubject is where a command is published: cmd.<family>.<account>.<verb>.
func CmdSubject(family string, a Account, verb string) string {
	return "cmd." + family + "." + string(a) + "." + verb
}

// EvtSubject is where a family of events of an account is published. It is also the fence's filter, byte for byte.
func EvtSubject(family string, a Account) string { return "evt." + family + "." + string(a) }

// FeedSubject is where the venue's private events go: feed.<account>.order or .trade.
func FeedSubject(a Account, what string) string { return "feed." + string(a) + "." + what }

// MDSubject is where market data goes: md.<venue>.<kind>.<id>.
func MDSubject(venue, kind, id string) string { return "md." + venue + "." + kind + "." + id }

// StatusSubject is where a venue's connections report: md.<venue>.status.
func StatusSubject(venue string) string { return "md." + venue + ".status" }

// SvcSubject is where an account's owner answers: svc.<service>.<account>.<verb>. What is asked of no account has none:
// svc.<service>.<verb>.
func SvcSubject(service string, a Account, verb string) string {
	if a == "" {
		return "svc." + service + "." + verb
	}
	return "svc." + service + "." + string(a) + "." + verb
}

// DeadSubject is where a service puts what it could not take: dead.<service>.<reason>.
func DeadSubject(service string, reason Code) string { return "dead." + service + "." + string(reason) }

// QuotaSubject is where the book of the daily units of one credential is kept: quota.<book>. Nobody but its keepers reads it.
func QuotaSubject(book string) string { return "quota." + book }

// GasSubject is where the journal of the transactions of one owner's account on one chain is kept: gas.<owner>.<chain>. Nobody
// but its sender reads it.
func GasSubject(owner, chain string) string { return "gas." + strings.ToLower(owner) + "." + chain }

// SplitCmd takes a command's subject apart; ok is false when it is not one.
func SplitCmd(subject string) (family string, a Account, verb string, ok bool) {
	rest, isCmd := strings.CutPrefix(subject, "cmd.")
	family, rest, _ = strings.Cut(rest, ".")
	account, verb, three := strings.Cut(rest, ".")
	if !isCmd || !three || strings.Contains(verb, ".") {
		return "", "", "", false
	}
	return family, Account(account), verb, true
}

// Header names that Sluice reads and writes.
const (
	HeaderReplyTo = "Reply-To"      // where the sender wants copies of the events about its command
	HeaderMsgID   = "Nats-Msg-Id"   // the broker's own; must be <account>.<verb>.<id> when set on a command
	HeaderAppend  = "Sluice-Append" // names one append of one owner, to recognise it after a lost acknowledgement
)

// InboxPrefix is the only prefix that Reply-To may have.
const InboxPrefix = "_INBOX."
