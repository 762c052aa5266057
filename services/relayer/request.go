package relayer

import (
	"encoding/json"
	"time"

	"sluice/pkg/limits/quota"
	"sluice/pkg/msgs"
)

// How long a request waits for company, by its urgency.
const (
	lingerHigh   = time.Second
	lingerNormal = 30 * time.Second
	lingerLow    = time.Hour
	// margin is kept between the moment at which a request is due and its deadline: a unit that is under way may have to end first,
	// which takes seconds to a minute. Of a short time half is kept.
	margin = 2 * time.Minute
	// soon is a deadline that counts as urgent where units of the quota are kept for what is.
	soon = time.Hour
)

// request is one command that was taken, until it ends.
type request struct {
	ID         msgs.RequestID  `json:"id"`
	CmdSeq     uint64          `json:"cmd_seq"`
	Hash       string          `json:"hash,omitempty"`
	Verb       string          `json:"verb"`
	Raw        json.RawMessage `json:"command"`
	StoredMS   int64           `json:"stored_ms"`
	LeavesByMS int64           `json:"leaves_by_ms"`
	ReplyTo    string          `json:"reply_to,omitempty"`
	Tokens     []msgs.TokenID  `json:"tokens,omitempty"`
	NegRisk    bool            `json:"neg_risk,omitempty"`
	Question   string          `json:"question,omitempty"`
	Unit       string          `json:"unit,omitempty"`  // it is in; empty while it is queued
	Seals      int             `json:"seals,omitempty"` // units it has been in
	Taken      int             `json:"taken,omitempty"` // of them, which a carrier has taken
	Lost       int             `json:"lost,omitempty"`  // of them, whose nonces something foreign has used
	Last       msgs.Type       `json:"last"`            // type of the latest event about it
	N          uint64          `json:"n"`               // of it
	AtMS       int64           `json:"at_ms"`           // of it

	command msgs.Command // what Raw says
}

// requestOf reads a request back from the event that took it; nil when nothing is in it, as in events of older versions.
func requestOf(h *msgs.Head, e *msgs.TxQueued) *request {
	r := &request{ID: msgs.RequestID(h.ReqID), CmdSeq: h.CmdSeq, Hash: h.CmdHash, Verb: e.Verb, Raw: e.Command, StoredMS: e.StoredMS,
		LeavesByMS: e.LeavesByMS, ReplyTo: e.ReplyTo, Tokens: e.Tokens, NegRisk: e.NegRisk, Question: e.QuestionID}
	if !r.read() {
		return nil
	}
	return r
}

// read decodes the command.
func (r *request) read() bool {
	r.command = msgs.NewCommand(msgs.FamilyTx, r.Verb)
	return r.command != nil && json.Unmarshal(r.Raw, r.command) == nil && txOf(r.command) != nil
}

// txOf is the part that every command for on-chain work has; nil for a cancel.
func txOf(c msgs.Command) *msgs.TxCommon {
	switch c := c.(type) {
	case *msgs.Split:
		return &c.TxCommon
	case *msgs.Merge:
		return &c.TxCommon
	case *msgs.Redeem:
		return &c.TxCommon
	case *msgs.Convert:
		return &c.TxCommon
	case *msgs.Wrap:
		return &c.TxCommon
	case *msgs.Unwrap:
		return &c.TxCommon
	case *msgs.Approve:
		return &c.TxCommon
	case *msgs.Deploy:
		return &c.TxCommon
	case *msgs.Transfer:
		return &c.TxCommon
	}
	return nil
}

// conditionOf is the market that a command names, empty where it names none.
func conditionOf(c msgs.Command) msgs.ConditionID {
	switch c := c.(type) {
	case *msgs.Split:
		return c.ConditionID
	case *msgs.Merge:
		return c.ConditionID
	case *msgs.Redeem:
		return c.ConditionID
	case *msgs.Convert:
		return c.ConditionID
	}
	return ""
}

func (r *request) deadlineMS() int64     { return txOf(r.command).DeadlineMS }
func (r *request) meta() json.RawMessage { return txOf(r.command).Meta }

// late reports whether it must not leave any more.
func (r *request) late(nowMS int64) bool { d := r.deadlineMS(); return d != 0 && nowMS > d }

// leavesBy is when a command is due: with a deadline and no urgency as late as its deadline lets it, else after its linger.
func leavesBy(storedMS int64, c *msgs.TxCommon) int64 {
	linger := lingerNormal
	switch c.Urgency {
	case msgs.High:
		linger = lingerHigh
	case msgs.Low:
		linger = lingerLow
	}
	by := storedMS + linger.Milliseconds()
	if c.DeadlineMS == 0 {
		return by
	}
	latest := max(storedMS, c.DeadlineMS-min(margin.Milliseconds(), max(0, c.DeadlineMS-storedMS)/2))
	if c.Urgency == "" {
		return latest
	}
	return min(by, latest)
}

// purpose is what a unit for the request alone would be for.
func (r *request) purpose() quota.Purpose {
	c := txOf(r.command)
	urgent := c.Urgency == msgs.High || c.DeadlineMS != 0 && c.DeadlineMS-r.StoredMS <= soon.Milliseconds()
	switch {
	case urgent && (r.Verb == msgs.VerbRedeem || r.Verb == msgs.VerbTransfer):
		return quota.Rescue
	case urgent, r.Verb == msgs.VerbApprove, r.Verb == msgs.VerbDeploy:
		return quota.Essential
	}
	return quota.Ordinary
}

// purposeOf is what a unit for all of them is for: the most pressing of them.
func purposeOf(rs []*request) (p quota.Purpose) {
	for _, r := range rs {
		p = max(p, r.purpose())
	}
	return p
}

// sendBy is the earliest deadline, 0 when none has one.
func sendBy(rs []*request) (ms int64) {
	for _, r := range rs {
		if d := r.deadlineMS(); d != 0 && (ms == 0 || d < ms) {
			ms = d
		}
	}
	return ms
}

func ids(rs []*request) []msgs.RequestID {
	out := make([]msgs.RequestID, len(rs))
	for i, r := range rs {
		out[i] = r.ID
	}
	return out
}

// but lists all except those of which out says so; the list itself stays as it is.
func but(rs []*request, out func(*request) bool) (in []*request) {
	for _, r := range rs {
		if !out(r) {
			in = append(in, r)
		}
	}
	return in
}

// noted keeps what the latest event about a request was.
func (r *request) noted(h *msgs.Head) { r.Last, r.N, r.AtMS = h.Type, h.N, h.AtMS }

// about is the head of an event about a request.
func (r *request) about(kind msgs.Type) msgs.Head {
	return msgs.Head{Type: kind, CmdSeq: r.CmdSeq, ReqID: string(r.ID)}
}
