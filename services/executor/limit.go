package executor

import (
	"fmt"

	"sluice/pkg/limits"
	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/catalogue"
)

// Limits say what the venue documents and how much of it is used.
type Limits struct {
	// Profile holds the figures. The zero value is the catalogue's default: of each layer the smaller of two dated figures,
	// until the venue shows more.
	Profile catalogue.Profile
	// Options are the share that is used; the zero value is the conservative 0.8 of each figure.
	Options budget.Options
	// With names those who share the allowance: all executors on one bus that reach the venue from one address. Empty is the
	// venue's host.
	With string
	// KeepCancel leaves room for another cancel behind a halt or a cancel of everything: where one request for all would take it
	// below zero, orders are ended by ids in chunks first, which takes as long as another cancel would have to wait.
	KeepCancel bool
}

// profile is the profile meant.
func (l Limits) profile() (catalogue.Profile, error) {
	if l.Profile.Name != "" {
		return l.Profile, nil
	}
	c, err := catalogue.Load()
	if err != nil {
		return catalogue.Profile{}, fmt.Errorf("load catalogue of limits: %w", err)
	}
	return c.Profile(limits.DefaultProfile)
}

// limiter puts the figures in force. Errors: those of the options.
func (l Limits) limiter() (*limits.Limiter, error) {
	p, err := l.profile()
	if err != nil {
		return nil, err
	}
	return limits.Open(p, l.Options)
}

// SetLimits puts other figures in force while the service runs; what was counted stays counted. Errors: those of the options;
// the figures in force then stay.
func (s *Service) SetLimits(l Limits) error {
	p, err := l.profile()
	if err != nil {
		return err
	}
	return s.node.Replace(p, l.Options)
}

// cancelChunk is how many ids go in one request at most, and chunkShare which part of what could leave at once: whoever must
// cancel something else meanwhile finds the rest.
const (
	cancelChunk = 100
	chunkShare  = 2
)

// chunk is how many ids are cancelled with one request.
func (p *performer) chunk() int {
	most := p.limits.Most(limits.Request{Endpoint: string(limits.DeleteOrders), Account: p.account})
	return max(1, min(cancelChunk, most/chunkShare))
}
