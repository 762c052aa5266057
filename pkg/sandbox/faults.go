package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"sluice/pkg/money"
)

const (
	defaultServerStatus = 500
	defaultServerText   = "could not run the execution"
	defaultDelayHold    = 200 * time.Millisecond
	// defaultRetryAfter is the Retry-After of a restarting engine and of the post-only window, in seconds.
	defaultRetryAfter = 1
	perMille          = 1000
)

// Fault is something that happens to the next few requests, or by chance to any.
type Fault struct {
	// Next is how many coming requests it happens to; it counts down.
	Next int `json:"next"`
	// PerMille is the chance, in thousandths, that it happens to any other.
	PerMille int `json:"per_mille"`
	// On says to which requests: "" to those that post or cancel orders, "*" to all, else "POST /order" or just "/order",
	// with the placeholder where a path holds an id: "GET /data/order/{id}".
	On string `json:"on"`
}

// strikes decides, counting down. An empty endpoint is any.
func (f *Fault) strikes(rng *rand.Rand, endpoint string) bool {
	if f.Next == 0 && f.PerMille == 0 || endpoint != "" && !f.concerns(endpoint) {
		return false
	}
	if f.Next > 0 {
		f.Next--
		return true
	}
	return rng.IntN(perMille) < f.PerMille
}

func (f *Fault) concerns(endpoint string) bool {
	_, path, _ := strings.Cut(endpoint, " ")
	switch f.On {
	case "":
		return slices.Contains(tradingEndpoints(), endpoint)
	case "*":
		return true
	}
	return f.On == endpoint || f.On == path
}

// tradingEndpoints are the requests that move orders.
func tradingEndpoints() []string {
	return []string{"POST /order", "POST /orders", "DELETE /order", "DELETE /orders", "DELETE /cancel-all", "DELETE /cancel-market-orders"}
}

// Faults is everything that can be made to go wrong. The zero value is a venue in good health. Set it through
// Sandbox.SetFaults, or from outside by POST /_sandbox/faults with some of these fields as JSON.
type Faults struct {
	// DropAnswer processes the request and closes the connection without an answer.
	DropAnswer Fault `json:"drop_answer"`
	// LoseRequest closes the connection before the request is processed.
	LoseRequest Fault `json:"lose_request"`
	// LateAnswer processes the request at once and answers LateMS later.
	LateAnswer Fault `json:"late_answer"`
	LateMS     int64 `json:"late_ms"`
	// ServerError answers ServerStatus (500) with ServerText ("could not run the execution") instead of processing; with
	// ServerProcesses the request takes effect all the same.
	ServerError     Fault  `json:"server_error"`
	ServerStatus    int    `json:"server_status"`
	ServerText      string `json:"server_text"`
	ServerProcesses bool   `json:"server_processes"`
	// HTMLError answers 502 with a page of HTML instead of processing.
	HTMLError Fault `json:"html_error"`
	// BlockPage answers 403 with the edge's page of HTML instead of processing: the address is blocked.
	BlockPage Fault `json:"block_page"`
	// LieHeaders replaces these headers in answers; an empty value takes the header away. As at the venue, names are in any case.
	LieHeaders Fault             `json:"lie_headers"`
	Headers    map[string]string `json:"headers"`
	// Restarting answers 425 to everything that posts or cancels, with RetryAfterS (1).
	Restarting  bool  `json:"restarting"`
	RetryAfterS int64 `json:"retry_after_s"`
	// PostOnlyMode refuses all orders but post-only ones, CancelOnly all orders, Disabled cancels too.
	PostOnlyMode bool `json:"post_only_mode"`
	CancelOnly   bool `json:"cancel_only"`
	Disabled     bool `json:"disabled"`
	// ClosedOnly puts every account in closed-only mode: sales only.
	ClosedOnly bool `json:"closed_only"`
	// FreezeFeed keeps the sockets open and answers PING, but sends no data.
	FreezeFeed bool `json:"freeze_feed"`
	// FailSettlement lets the next trades end as FAILED; RetrySettlement lets them go through RETRYING.
	FailSettlement  Fault `json:"fail_settlement"`
	RetrySettlement Fault `json:"retry_settlement"`
	// RelayerDown answers 503 to everything that the relayer is asked.
	RelayerDown bool `json:"relayer_down"`
	// RelayLate keeps the next submissions RelayLateMS longer before they are broadcast. RelayForget takes them and does nothing,
	// RelaySilent tells CONFIRMED of a transaction that was never sent, RelayFailed tells FAILED and broadcasts them RelayLateMS
	// later all the same.
	RelayLate   Fault `json:"relay_late"`
	RelayForget Fault `json:"relay_forget"`
	RelaySilent Fault `json:"relay_silent"`
	RelayFailed Fault `json:"relay_failed"`
	RelayLateMS int64 `json:"relay_late_ms"`
	// SkipPrecheck broadcasts without asking the chain first: what fails costs the relayer gas and ends as FAILED.
	SkipPrecheck bool `json:"skip_precheck"`
	// PrecheckAtOnce asks the chain before a submission is answered, and refuses what would fail with 400.
	PrecheckAtOnce bool `json:"precheck_at_once"`
	// WalletBusy refuses the next submissions as if the wallet had one under way.
	WalletBusy Fault `json:"wallet_busy"`
	// StaleNonce answers the nonce before the next one.
	StaleNonce Fault `json:"stale_nonce"`
	// RegistryLagMS is for how long a new deposit wallet is not known to the relayer.
	RegistryLagMS int64 `json:"registry_lag_ms"`
	// QuotaGone refuses the next submissions for want of units, whatever is left, and charges nothing. QuotaResetS is what every
	// such refusal then prints as the time until the reset, true or not; 0 prints the truth (a day for QuotaGone).
	QuotaGone   Fault `json:"quota_gone"`
	QuotaResetS int64 `json:"quota_reset_s"`
	// ForgetHash forgets the ids of orders that are no longer open: they are unknown to reads and taken again.
	ForgetHash bool `json:"forget_hash"`
	// DelayOrder answers "delayed" and matches the order DelayMS (200) later.
	DelayOrder Fault `json:"delay_order"`
	DelayMS    int64 `json:"delay_ms"`
}

func (f *Faults) delayFor() time.Duration {
	if f.DelayMS > 0 {
		return time.Duration(f.DelayMS) * time.Millisecond
	}
	return defaultDelayHold
}

func (f *Faults) retryAfter() int64 {
	if f.RetryAfterS > 0 {
		return f.RetryAfterS
	}
	return defaultRetryAfter
}

// forgets reports whether a known order is treated as never seen.
func (f *Faults) forgets(o *order) bool { return f.ForgetHash && !o.open() }

// SetFaults changes the faults under the sandbox's lock.
func (s *Sandbox) SetFaults(change func(*Faults)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.faults)
}

// Faults returns the present faults, with what is left of their counts.
func (s *Sandbox) Faults() Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.faults
	f.Headers = maps.Clone(f.Headers)
	return f
}

// CutSockets closes every socket.
func (s *Sandbox) CutSockets() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.sockets {
		c.drop()
	}
}

// ChangeTick gives a market another tick, as the venue does near 0 and 1, and tells the market sockets. Orders off
// the new grid stay, as at the venue; the liquidity maker quotes anew.
func (s *Sandbox) ChangeTick(slug, tick string) error {
	next, err := money.Parse[money.Price](tick)
	if err != nil || next <= 0 || next > money.Unit/2 || money.Unit%next != 0 {
		return fmt.Errorf("change tick of %s to %q: not a tick", slug, tick)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.markets {
		if m.Slug != slug {
			continue
		}
		old := m.tick
		m.mid = m.mid * int64(old) / int64(next) / 2 * 2
		m.mid += int64(m.spread % 2)
		m.tick = next
		s.publishTick(m, old)
		s.requote(m)
		return nil
	}
	return fmt.Errorf("change tick: no market %q", slug)
}

// Restart lets the matching engine restart: 425 for down, then only post-only orders for window; both then end.
// Heartbeats are forgotten.
func (s *Sandbox) Restart(down, window time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.Restarting = true
	for _, k := range s.keys {
		s.stop(k.beat.timer)
		k.beat = heartbeat{}
	}
	s.after(down, func() {
		s.faults.Restarting, s.faults.PostOnlyMode = false, true
		s.after(window, func() { s.faults.PostOnlyMode = false })
	})
}

// faultCommand is what can be posted: fields of Faults, and deeds.
type faultCommand struct {
	*Faults
	CutSockets bool `json:"cut_sockets"`
	TickChange *struct {
		Market string `json:"market"`
		Tick   string `json:"tick"`
	} `json:"tick_change"`
	Restart *struct {
		DownMS   int64 `json:"down_ms"`
		WindowMS int64 `json:"window_ms"`
	} `json:"restart"`
	chainDeeds
}

// commandFaults applies a JSON object: fields that it does not name stay, fields that do not exist are refused.
func (s *Sandbox) commandFaults(body []byte) error {
	var c faultCommand
	var err error
	s.SetFaults(func(f *Faults) {
		next := *f
		next.Headers = maps.Clone(f.Headers) // what is refused changes nothing
		c.Faults = &next
		d := json.NewDecoder(bytes.NewReader(body))
		d.DisallowUnknownFields()
		if err = d.Decode(&c); err == nil {
			*f = next
		}
	})
	if err != nil {
		return fmt.Errorf("read faults: %w", err)
	}
	if c.CutSockets {
		s.CutSockets()
	}
	if c.Restart != nil {
		s.Restart(time.Duration(c.Restart.DownMS)*time.Millisecond, time.Duration(c.Restart.WindowMS)*time.Millisecond)
	}
	if c.TickChange != nil {
		if err := s.ChangeTick(c.TickChange.Market, c.TickChange.Tick); err != nil {
			return err
		}
	}
	return s.chainDeeds(c.chainDeeds)
}
