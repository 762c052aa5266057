package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// limitsView is what /_sandbox/limits shows.
type limitsView struct {
	Enforce bool              `json:"enforce"`
	Edge    Edge              `json:"edge"`
	Limits  Limits            `json:"limits"`
	Tiers   map[string]string `json:"tiers"` // by account, where it is not the first
	Uses    []LimitUse        `json:"uses"`
}

// limitsCommand is what can be posted there.
type limitsCommand struct {
	Enforce  *bool             `json:"enforce"`
	Edge     *Edge             `json:"edge"`
	Tiers    map[string]string `json:"tiers"`
	Builders map[string]string `json:"builders"`
}

// serveLimits shows the limits and how they are used, or changes what a POST names.
func (s *Sandbox) serveLimits(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err == nil {
			err = s.commandLimits(body)
		}
		if err != nil {
			s.tell(w, refuse(http.StatusBadRequest, err.Error()))
			return
		}
	}
	s.mu.Lock()
	v := limitsView{Enforce: s.cfg.Enforce, Edge: s.cfg.Edge, Limits: s.limits.table, Tiers: map[string]string{}, Uses: s.limitUses()}
	for owner, t := range s.limits.tiers {
		v.Tiers[s.names[owner]] = t.Name
	}
	s.mu.Unlock()
	s.tell(w, ok(v))
}

func (s *Sandbox) commandLimits(body []byte) error {
	var c limitsCommand
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return fmt.Errorf("read limits: %w", err)
	}
	for account, tier := range c.Tiers {
		if err := s.SetTier(account, tier); err != nil {
			return err
		}
	}
	for name, tier := range c.Builders {
		if err := s.SetBuilder(name, tier); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.Enforce != nil {
		s.cfg.Enforce = *c.Enforce
	}
	if c.Edge != nil {
		s.cfg.Edge = *c.Edge
	}
	return nil
}
