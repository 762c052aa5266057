package relayer

import (
	"flag"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/limits/quota"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata")

// TestTranscripts plays every testdata/*.txt: lines that begin with > are told to a core, the lines below say what it decided. After
// each line replay and snapshot must equal life. A line of "wallet" begins with a new one of that kind.
func TestTranscripts(t *testing.T) {
	actortest.Transcripts(t, *update, func(t *testing.T) func([]string) string {
		var s *stage
		return func(words []string) string {
			if words[0] == "wallet" {
				kind, err := polymarket.ParseWalletKind(words[1])
				if err != nil {
					t.Fatal(err)
				}
				s = &stage{trial: begun(t, kind), named: map[string]string{}}
				s.look = s.looks(7)
				return ""
			}
			out := s.line(words)
			s.consistent()
			return out
		}
	})
}

// stage is a trial with what its lines speak of.
type stage struct {
	*trial
	look  Looked
	asks  Look // the last
	pack  Pack
	named map[string]string // units as the transcript calls them
	units []string
}

func (s *stage) line(w []string) string {
	switch w[0] {
	case "wait":
		d, err := time.ParseDuration(w[1])
		if err != nil {
			s.t.Fatal(err)
		}
		s.now = s.now.Add(d)
		return ""
	case "world":
		s.world(w[1:])
		return ""
	case "restart":
		s.core = s.replayed()
		var out strings.Builder
		for d := range s.core.Open() {
			out.WriteString("  open " + s.deed(d) + "\n")
		}
		s.claim()
		return out.String() + s.told(s.tell(actor.LaneEnd{}))
	}
	return s.told(s.tell(s.message(w)))
}

// world changes what the next look shows.
func (s *stage) world(w []string) {
	for _, f := range w {
		name, v, _ := strings.Cut(f, "=")
		n, _ := strconv.ParseInt(v, 10, 64)
		switch name {
		case "nonce":
			s.look.Nonce, s.look.Block = uint64(n), 100+uint64(n)
		case "relayer":
			s.look.Relayer = Door{Open: v == "open", Code: msgs.VenueDown, Cause: "the relayer does not answer", Fix: "it is asked again"}
		case "credentials":
			s.look.Relayer = Door{Code: msgs.Unauthorised, Cause: "no credentials of the relayer are configured", Fix: "configure a key"}
		case "gas":
			s.look.OwnGas = Door{Open: v == "open", Code: msgs.NoGas, Cause: "the owner's account has 0 POL", Fix: "send POL to it"}
		case "used":
			s.look.Quota = quota.View{Limit: 100, Used: int(n)}
		case "deployed":
			s.look.Deployed = v == "yes"
		case "missing":
			s.look.Missing = s.id.Contracts.Approvals()[:n]
		case "pusd":
			s.look.Cash[s.id.Contracts.Collateral] = Amounts{Have: n * 1_000_000}
		case "held":
			a := Amounts{Have: 500_000_000, Held: n * 1_000_000}
			s.look.Positions[token(yesToken)], s.look.Positions[token(noToken)] = a, a
		default:
			s.t.Fatalf("no world of %q", f)
		}
	}
}

func (s *stage) unit(name string) string {
	if len(s.units) == 0 {
		s.t.Fatal("no unit yet")
	}
	if i, err := strconv.Atoi(strings.TrimPrefix(name, "u")); err == nil && strings.HasPrefix(name, "u") {
		return s.units[i-1]
	}
	return s.units[len(s.units)-1]
}

// message makes a message of the words of a line; a unit's name may stand last, else the newest is meant.
func (s *stage) message(w []string) any {
	last := w[len(w)-1]
	ms := s.now.UnixMilli()
	switch w[0] {
	case "ask":
		body := strings.ReplaceAll(strings.Join(w[2:], " "), "'", `"`)
		body = strings.NewReplacer("$market", testCondition, "$negrisk", otherMarket, "$listed", listed, "$in1m", fmt.Sprint(ms+60_000), "$in1h", fmt.Sprint(ms+3_600_000)).Replace(body)
		return s.asked(w[1], body)
	case "again": // the same command is stored once more
		a := *s.asked(w[1], strings.ReplaceAll(strings.Join(w[2:], " "), "'", `"`))
		a.ReplyTo = "_INBOX.x"
		return &a
	case "tick":
		return actor.Tick{}
	case "looked":
		l := s.look
		l.AtMS = ms
		if l.Approvals = s.asks.Approvals; !l.Approvals {
			l.Missing = nil
		}
		if len(w) > 1 {
			l = Looked{AtMS: ms, Err: failure(msgs.VenueDown, "the chain cannot be read", "look at the endpoints")}
		}
		return l
	case "rehearsed":
		r := Rehearsed{Pack: s.pack, Failed: -1, Nonce: s.look.Nonce}
		if len(w) > 1 {
			r.Failed, _ = strconv.Atoi(w[1])
			r.Cause = strings.Join(w[2:], " ")
		}
		return r
	case "submitted":
		return s.submittedAs(w[1], last)
	case "brought":
		b := Brought{Unit: s.unit(last), AtMS: ms}
		switch w[1] {
		case "ok":
		case "past":
			b.Err, b.Past = failure(msgs.WouldRevert, "GS026", "look at the nonce"), true
		default:
			b.Err = failure(msgs.Code(w[1]), "not taken on", "see why")
		}
		return b
	case "seen":
		return s.seenAs(w[1], last)
	}
	s.t.Fatalf("no line of %q", w)
	return nil
}

func (s *stage) submittedAs(what, unit string) Submitted {
	m := Submitted{Unit: s.unit(unit), AtMS: s.now.UnixMilli()}
	switch what {
	case "ok":
		m.ID = "id-1"
	case "exhausted":
		m.Exhausted = &quota.Exhausted{Until: s.now.Add(18 * time.Hour), Used: 100, Limit: 100}
	case "denied":
		m.Denied = failure(msgs.Forbidden, "a function that is not signed", "none")
	default:
		m.Err = &polymarket.RelayerError{Method: "POST", Path: "/submit", Reason: polymarket.RelayerReason(what)}
		if m.Err.Reason == polymarket.RelayerQuota {
			m.Err.Status, m.Err.After, m.Err.Named = 429, 68_000*time.Second, true
		}
	}
	return m
}

func (s *stage) seenAs(what, unit string) Seen {
	m := Seen{Unit: s.unit(unit), AtMS: s.now.UnixMilli()}
	done := func() { m.TxHash, m.Block, m.Executed = "0x01", 107+s.look.Nonce-7, true }
	switch what {
	case "mined":
		done()
	case "final":
		done()
		m.Final, m.Carrier = true, msgs.ByRelayer
	case "final-by-owner":
		done()
		m.Final, m.Carrier = true, msgs.ByOwnGas
	case "failed":
		m.State, m.Message = polymarket.TxFailed, "out of luck"
	case "used":
		m.NonceUsed, m.Final = true, true
	case "expired":
		m.Expired, m.Final = true, true
	case "reverted":
		m.Reverted, m.Final, m.Message = true, true, "GS013"
	default:
		s.t.Fatalf("no sight of %q", what)
	}
	return m
}

// told writes what was decided.
func (s *stage) told(d actor.Decision) string {
	var out strings.Builder
	for _, e := range d.Events {
		out.WriteString("  " + s.event(e) + "\n")
	}
	for _, x := range d.Early {
		out.WriteString("  early " + s.deed(x) + "\n")
	}
	for _, x := range d.Deeds {
		out.WriteString("  deed " + s.deed(x) + "\n")
	}
	return out.String()
}

// call is a unit's short name, given at its first mention.
func (s *stage) call(unit string) string {
	if unit == "" {
		return "-"
	}
	if s.named[unit] == "" {
		s.units = append(s.units, unit)
		s.named[unit] = fmt.Sprintf("u%d", len(s.units))
	}
	return s.named[unit]
}

func (s *stage) event(e msgs.Event) string {
	h := msgs.HeadOf(e)
	switch e := e.(type) {
	case *msgs.TxQueued:
		return fmt.Sprintf("%s %s leaves in %s", h.Type, h.ReqID, time.UnixMilli(e.LeavesByMS).Sub(s.now))
	case *msgs.TxUnit:
		out := fmt.Sprintf("%s %s %s by %s nonce %s", h.Type, s.call(e.Unit), e.RequestIDs, e.Carrier, e.Nonce)
		if e.Payload != nil {
			for _, c := range e.Payload.Calls {
				name, _, _ := strings.Cut(signatureOf(s.t, c), "(")
				out += "\n    " + name + fmt.Sprint(c.RequestIDs)
			}
		}
		return out
	case *msgs.TxRerouted:
		return fmt.Sprintf("%s %s %s to %s: %s, left %v", h.Type, s.call(e.Unit), e.From, e.To, e.Code, e.Left)
	case *msgs.TxWaiting:
		return fmt.Sprintf("%s %s %s until %d: %s: %s (%s)", h.Type, s.call(e.Unit), e.RequestIDs, e.UntilMS, e.Code, e.Cause, e.Fix)
	case *msgs.TxReleased:
		return fmt.Sprintf("%s %s back %v: %s, live %v, lost %v", h.Type, s.call(e.Unit), e.RequestIDs, e.Code, e.Live, e.Lost)
	case *msgs.TxApprovals:
		return fmt.Sprintf("%s read %v, missing %d", h.Type, e.ReadMS != 0, len(e.Missing))
	case *msgs.TxConfirmed:
		return fmt.Sprintf("%s %s %s %s effect %s late %v", h.Type, h.ReqID, s.call(e.Unit), e.Carrier, text(e.Effect), e.Late)
	case *msgs.TxFailed:
		return fmt.Sprintf("%s %s %s: %s", h.Type, h.ReqID, s.call(e.Unit), e.Error)
	}
	return string(h.Type)
}

func (s *stage) deed(d actor.Deed) string {
	in := func(ms int64) string {
		if ms == 0 {
			return ""
		}
		return fmt.Sprintf(" in %s", time.UnixMilli(ms).Sub(s.now))
	}
	switch d := d.(type) {
	case Look:
		s.asks = d
		return fmt.Sprintf("look%s, %d tokens, approvals %v", in(d.FromMS), len(d.Tokens), d.Approvals)
	case Rehearse:
		s.pack = d.Pack
		return fmt.Sprintf("rehearse %s by %s", d.Pack.Requests, d.Pack.Carrier)
	case Submit:
		return fmt.Sprintf("submit %s for %s, send by%s", s.call(d.Unit.Unit), d.Purpose, in(d.SendBy))
	case Bring:
		if d.Refusal == nil {
			return "bring " + s.call(d.Unit.Unit)
		}
		return fmt.Sprintf("bring %s after %s", s.call(d.Unit.Unit), d.Refusal.Reason)
	case Follow:
		return fmt.Sprintf("follow %s by %s %q", s.call(d.Unit.Unit), d.Carrier, d.ID)
	case Reply:
		return "reply " + s.event(d.Event)
	}
	return fmt.Sprintf("%T", d)
}
