package lend

import (
	"time"

	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/gate"
)

// purses is how many there are of them.
const purses = 2

// Config holds the spans of the protocol. All that share an allowance must have the same. Zero fields take the defaults.
type Config struct {
	// Life is how long after the granter's last word what is lent may leave, for each purse. Default 2 s, and 10 s for cancels,
	// which must be possible while nobody grants.
	Life [purses]time.Duration
	// Late is how long after it was allowed to leave a request may still arrive. Default 15 s: what leaves within 2 s is taken in
	// within 10 s.
	Late time.Duration
	// Valid is how long after it was sent a record allows lending. Default 10 s: cancels of the process that grants must be possible
	// for as long without a broker.
	Valid time.Duration
}

const (
	lifeDefault       = 2 * time.Second
	lifeUrgentDefault = 10 * time.Second
	lateDefault       = 15 * time.Second
	validDefault      = 10 * time.Second
)

func (c Config) withDefaults() Config {
	if c.Life == ([purses]time.Duration{}) {
		c.Life = [purses]time.Duration{gate.Ordinary: lifeDefault, gate.Urgent: lifeUrgentDefault}
	}
	if c.Late == 0 {
		c.Late = lateDefault
	}
	if c.Valid == 0 {
		c.Valid = validDefault
	}
	return c
}

// Ask is what a borrower says. Sums count from the beginning of the loan, so that a message may be lost or come twice.
type Ask struct {
	From  string          `json:"from"`
	Epoch uint64          `json:"epoch"`
	Seq   uint64          `json:"seq"`
	Loans [purses]AskLoan `json:"loans"`
	News  []AskNews       `json:"news,omitempty"`

	// What the venue has taught: the tiers that it has named lately, and windows that it has named larger.
	Tiers   map[string]string `json:"tiers,omitempty"`
	Learned []budget.Learned  `json:"learned,omitempty"`
}

// AskNews is what the venue has asked of a counter. It is said several times, so that it may be lost; N tells it from what was said
// before.
type AskNews struct {
	budget.Name
	N         int           `json:"n"`
	Ago       time.Duration `json:"ago"` // since the request left that was answered so
	Throttled bool          `json:"throttled,omitempty"`
	Wait      time.Duration `json:"wait,omitempty"`
	Known     bool          `json:"known,omitempty"`
	Remaining int           `json:"remaining,omitempty"`
	Limit     int           `json:"limit,omitempty"`
	Reset     time.Duration `json:"reset,omitempty"`
}

// AskLoan is the state of one purse.
type AskLoan struct {
	ID    uint64    `json:"id"`
	Lines []AskLine `json:"lines,omitempty"`
}

// AskLine is the state of one counter.
type AskLine struct {
	budget.Name
	Granted int `json:"granted,omitempty"` // units received
	Closed  int `json:"closed,omitempty"`  // units whose way has ended
	Spent   int `json:"spent,omitempty"`   // units that the venue has counted for those
	Back    int `json:"back,omitempty"`    // units given back

	Want     int        `json:"want,omitempty"` // units missing now
	Debt     int        `json:"debt,omitempty"`
	Class    gate.Class `json:"class,omitempty"`
	Accounts int        `json:"accounts,omitempty"` // that wait
}

// Give is what a granter says to one borrower.
type Give struct {
	Epoch uint64           `json:"epoch"`
	Seq   uint64           `json:"seq"` // of the borrower's last message that was heard
	Loans [purses]GiveLoan `json:"loans"`
}

// GiveLoan is the state of one purse.
type GiveLoan struct {
	ID    uint64     `json:"id"`
	Known bool       `json:"known"` // the loan stands; otherwise what is left of it is void
	Lines []GiveLine `json:"lines,omitempty"`
}

// GiveLine is how much was ever lent to one counter.
type GiveLine struct {
	budget.Name
	Granted int `json:"granted"`
}
