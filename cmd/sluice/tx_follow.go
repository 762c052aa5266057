package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"sluice/pkg/msgs"
)

// txEvent is what the tools need of any event about on-chain work.
type txEvent struct {
	msgs.Head
	LeavesByMS int64            `json:"leaves_by_ms"`
	Unit       string           `json:"unit"`
	RequestIDs []msgs.RequestID `json:"request_ids"`
	Carrier    msgs.Carrier     `json:"carrier"`
	Nonce      string           `json:"nonce"`
	TxHash     msgs.TxHash      `json:"tx_hash"`
	From       msgs.Carrier     `json:"from"`
	To         msgs.Carrier     `json:"to"`
	Cause      string           `json:"cause"`
	Fix        string           `json:"fix"`
	UntilMS    int64            `json:"until_ms"`
	Block      uint64           `json:"block"`
	Effect     msgs.Effect      `json:"effect"`
	GasPOL     string           `json:"gas_pol"`
	Error      *msgs.Error      `json:"error"`
	Final      bool             `json:"final"`

	raw json.RawMessage
}

// clockOf is a time of day for people.
func clockOf(ms int64) string { return time.UnixMilli(ms).Format("15:04:05.000") }

func (e txEvent) String() string {
	line := fmt.Sprintf("%s  %-14s ", clockOf(e.AtMS), e.Type)
	switch e.Type {
	case msgs.KindTxQueued:
		return line + fmt.Sprintf("%s  leaves by %s", e.ReqID, clockOf(e.LeavesByMS))
	case msgs.KindTxRerouted:
		return line + fmt.Sprintf("unit %s  from %s to %s: %s", e.Unit, e.From, e.To, e.Cause)
	case msgs.KindTxWaiting:
		if e.UntilMS > 0 {
			line += "until " + time.UnixMilli(e.UntilMS).Format(time.DateTime) + ": "
		}
		if line += e.Cause; e.Fix != "" {
			line += "\n  → " + e.Fix
		}
		return line
	case msgs.KindTxReleased:
		return line + fmt.Sprintf("unit %s  is over: %s; what it was for is queued again", e.Unit, e.Cause)
	case msgs.KindTxConfirmed:
		if e.TxHash == "" {
			return line + e.ReqID + "  nothing was left to do on chain  " + effect(e.Effect)
		}
		return line + fmt.Sprintf("%s  block %d  %s%s", e.ReqID, e.Block, effect(e.Effect), gasOf(e.GasPOL))
	}
	if e.Error != nil {
		return line + e.ReqID + "  " + e.Error.Cause
	}
	if e.Unit != "" {
		line += "unit " + e.Unit
		if n := len(e.RequestIDs); n > 1 {
			line += fmt.Sprintf(" of %d requests", n)
		}
		if e.Carrier != "" {
			line += "  by " + string(e.Carrier)
		}
		if e.Nonce != "" {
			line += "  nonce " + e.Nonce
		}
		if e.TxHash != "" {
			line += "  " + string(e.TxHash)
		}
		return line
	}
	return line + e.ReqID + e.Cause
}

// effect says what a request has done to the balances, collateral first.
func effect(all msgs.Effect) string {
	assets := slices.SortedFunc(maps.Keys(all), func(x, y string) int { return strings.Compare(y, x) })
	parts := make([]string, len(assets))
	for i, asset := range assets {
		sign := ""
		if all[asset] > 0 {
			sign = "+"
		}
		parts[i] = sign + all[asset].String() + " " + short(asset)
	}
	return strings.Join(parts, "  ")
}

func gasOf(pol string) string {
	if pol == "" || pol == "0" {
		return ""
	}
	return "  for " + pol + " POL of gas"
}

// pursuit is one request that a tool follows to its end.
type pursuit struct {
	account msgs.Account
	id      msgs.RequestID // the request that is meant
	also    msgs.RequestID // of a cancel: its own id
	cmd     msgs.Command   // what is sent first; nil when the request is there already
	within  time.Duration
	// word says whether an end is the one that is waited for, and whether it is what was asked for.
	word func(p *pursuit, id msgs.RequestID, t msgs.Type, err *msgs.Error) (decided bool, refused error)

	seq      uint64 // of cmd
	last     msgs.Type
	units    []string // that the request is or was in
	deserted int      // how often in a row nobody was there to be asked
}

// ownWord takes the end of the request: good only when it is confirmed.
func ownWord(p *pursuit, id msgs.RequestID, t msgs.Type, err *msgs.Error) (bool, error) {
	switch {
	case id != p.id:
		return false, nil
	case t == msgs.KindTxConfirmed:
		return true, nil
	case err != nil:
		return true, err
	}
	return true, problem("failed", fmt.Sprintf("request %s ends as %s", id, t), seeDoctor)
}

// cancelsWord takes the end of a cancel: good when the request that it takes back is dropped, whoever dropped it.
func cancelsWord(p *pursuit, id msgs.RequestID, t msgs.Type, err *msgs.Error) (bool, error) {
	switch {
	case id == p.also && err != nil:
		return true, err
	case id == p.also, id == p.id && t == msgs.KindTxDropped:
		return true, nil
	case id != p.id:
		return false, nil
	}
	return true, problem(msgs.AlreadyFinal, fmt.Sprintf("the cancel came too late: request %s ends as %s", p.id, t), "see what it did with: sluice tx get "+string(p.id))
}

// lookEach is how often a silent relayer is asked where the request stands: what was said before this tool listened is not said again.
const lookEach = 2 * time.Second

// pursue sends the command, when there is one, and shows each event about the request until its end.
func (a *app) pursue(nc *nats.Conn, p pursuit) error {
	heard := make(chan *nats.Msg, heardAhead)
	if _, err := nc.ChanSubscribe(msgs.EvtSubject(msgs.FamilyTx, p.account), heard); err != nil {
		return fmt.Errorf("listen for events: %w", err)
	}
	if err := nc.FlushTimeout(askTimeout); err != nil {
		return fmt.Errorf("listen for events: %w", err)
	}
	if p.cmd != nil {
		var err error
		if p.seq, err = send(nc, msgs.CmdSubject(msgs.FamilyTx, p.account, p.cmd.Verb()), "", p.cmd); err != nil {
			return a.hint(p.account, err)
		}
	}
	end, look := time.NewTimer(p.within), time.NewTicker(lookEach)
	defer end.Stop()
	defer look.Stop()
	for {
		var decided bool
		var err error
		select {
		case m := <-heard:
			p.deserted = 0
			decided, err = p.hear(a, m.Data)
		case <-look.C:
			decided, err = p.look(a, nc)
		case <-end.C:
			return p.unended()
		case <-a.ctx.Done():
			return problem("interrupted", "stopped waiting; the request is stored and stands", p.afterwards())
		}
		if decided || err != nil {
			return err
		}
	}
}

func (p *pursuit) afterwards() string {
	return fmt.Sprintf("see what becomes of it with: sluice tx get --wait %s; take it back, as long as it has not left, with: sluice tx cancel %s", p.id, p.id)
}

// unended says what is known when the end did not come.
func (p *pursuit) unended() error {
	cause := fmt.Sprintf("after %s request %s has no end", p.within, p.id)
	if p.last != "" {
		cause += ", the last word about it is " + string(p.last)
	}
	return problem("no_event", cause, "it stands: "+p.afterwards())
}

// hear takes one message of the log.
func (p *pursuit) hear(a *app, data []byte) (decided bool, err error) {
	var env struct {
		Events []json.RawMessage `json:"events"`
	}
	if err := json.Unmarshal(data, &env); err != nil {
		return false, fmt.Errorf("decode events: %w", err)
	}
	for _, raw := range env.Events {
		e := txEvent{raw: raw}
		if err := json.Unmarshal(raw, &e); err != nil {
			return false, fmt.Errorf("decode event: %w", err)
		}
		if !p.concerns(&e) {
			continue
		}
		p.last = e.Type
		if a.cli.Output != "json" {
			fmt.Fprintln(a.out, e)
		}
		if !ends(e.Type) {
			continue
		}
		if decided, err = p.word(p, msgs.RequestID(e.ReqID), e.Type, e.Error); decided {
			if a.cli.Output == "json" {
				fmt.Fprintf(a.out, "%s\n", raw)
			}
			return true, err
		}
	}
	return false, nil
}

func ends(t msgs.Type) bool {
	return t == msgs.KindTxConfirmed || t == msgs.KindTxFailed || t == msgs.KindTxDropped
}

// concerns reports an event about the request. That another command with its id was refused is none.
func (p *pursuit) concerns(e *txEvent) bool {
	if e.Error != nil && e.Error.Code == msgs.DuplicateID && p.seq != 0 && e.CmdSeq != p.seq {
		return false
	}
	id := msgs.RequestID(e.ReqID)
	switch {
	case id == p.id || slices.Contains(e.RequestIDs, p.id):
		if e.Unit != "" && !slices.Contains(p.units, e.Unit) {
			p.units = append(p.units, e.Unit)
		}
		return true
	case id != "" || len(e.RequestIDs) > 0: // of others
		return p.also != "" && id == p.also
	}
	return slices.Contains(p.units, e.Unit)
}

// patientLooks is how often in a row nobody may be there to be asked: between two owners that is so for a moment.
const patientLooks = 2

// look asks where the request stands. What cannot be told yet is no error, but that nobody runs the account is.
func (p *pursuit) look(a *app, nc *nats.Conn) (decided bool, err error) {
	s, err := standing(nc, p.account, p.id)
	if is[*silence](err) {
		if !errors.Is(err, nats.ErrNoResponders) {
			return false, nil // busy
		}
		if p.deserted++; p.deserted < patientLooks {
			return false, nil
		}
		return false, a.hint(p.account, nobodyRuns(err, p.account, "the request is stored, and nothing becomes of it"))
	}
	p.deserted = 0
	if is[*msgs.Error](err) {
		return false, nil // not decided yet
	}
	if err != nil {
		return false, err
	}
	if !s.Final {
		p.last = s.Last
		return false, nil
	}
	if a.cli.Output == "json" {
		b, err := json.Marshal(s)
		if err != nil {
			return false, fmt.Errorf("encode answer: %w", err)
		}
		fmt.Fprintf(a.out, "%s\n", b)
	} else {
		fmt.Fprintf(a.out, "%s  %-14s %s  said before\n", clockOf(time.Now().UnixMilli()), s.Last, s.RequestID)
	}
	return p.word(p, s.RequestID, s.Last, s.Error)
}

// standing asks the relayer of an account where a request stands. An answer names the request, and its error is the request's.
func standing(nc *nats.Conn, account msgs.Account, id msgs.RequestID) (s msgs.TxAnswer, err error) {
	subject := msgs.SvcSubject("relayer", account, "request")
	data, err := put(nc, subject, msgs.TxQuestion{RequestID: id})
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("decode answer of %s: %w", subject, err)
	}
	if s.RequestID == "" && s.Error != nil {
		return s, s.Error
	}
	return s, nil
}

// nobodyRuns says in words that no relayer answers for an account.
func nobodyRuns(err error, account msgs.Account, so string) error {
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return problem("nobody_runs", fmt.Sprintf("no relayer runs account %s now: %s", account, so),
			"start one: sluice relayer, or sluice up, which has one; what is stored is decided then, unless its deadline has passed")
	case is[*silence](err):
		return problem("no_answer", fmt.Sprintf("the relayer of account %s does not answer: %v", account, err), "look at the services with: sluice doctor")
	}
	return err
}
