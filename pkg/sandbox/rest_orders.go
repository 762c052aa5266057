package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const (
	// maxBatch is the venue's largest POST /orders.
	maxBatch = 15
	// maxCancels is the lower of the two published maxima of DELETE /orders.
	maxCancels = 1000
)

// postOrder takes one order. Signatures are checked before the lock is taken.
func (s *Sandbox) postOrder(q *request) answer {
	return s.keyed(func(q *request) answer {
		o, err := s.readOrder(q.body, q.key)
		s.mu.Lock()
		defer s.mu.Unlock()
		a, spent := s.spend(q.key, ordersBucket, 1, false)
		if spent {
			return a
		}
		if err == nil && s.faults.PostOnlyMode && !o.postOnly {
			wait := s.faults.retryAfter()
			refused := answer{status: http.StatusServiceUnavailable, body: mustJSON(map[string]any{
				"error": errMode, "code": "post_only_mode", "retry_after_seconds": wait})}
			return refused.with("Retry-After", strconv.FormatInt(wait, 10))
		}
		p, err := s.take(o, err, q)
		if err != nil {
			return refuseErr(err).also(a)
		}
		return ok(p).also(a)
	})(q)
}

// postOrders takes up to fifteen orders, each for itself.
func (s *Sandbox) postOrders(q *request) answer {
	return s.keyed(func(q *request) answer {
		var raws []json.RawMessage
		if json.Unmarshal(q.body, &raws) != nil || len(raws) == 0 {
			return refuseErr(errPayload)
		}
		if len(raws) > maxBatch {
			return refuse(http.StatusBadRequest, fmt.Sprintf("Too many orders in payload: %d, max allowed: %d", len(raws), maxBatch))
		}
		orders, errs := make([]*order, len(raws)), make([]error, len(raws))
		for i, raw := range raws {
			orders[i], errs[i] = s.readOrder(raw, q.key)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		a, spent := s.spend(q.key, ordersBucket, len(raws), false)
		if spent {
			return a
		}
		out := make([]placement, len(raws))
		for i, o := range orders {
			p, err := s.take(o, errs[i], q)
			if err != nil {
				p = placement{ErrorMsg: err.Error(), TradeIDs: []string{}, TransactionsHashes: []string{}}
			}
			if errs[i] == nil && s.faults.PostOnlyMode && !o.postOnly {
				p.Success, p.ErrorMsg = true, errMode.Error()
			}
			out[i] = p
		}
		return ok(out).also(a)
	})(q)
}

// take places an order that could be read.
func (s *Sandbox) take(o *order, err error, q *request) (placement, error) {
	if err != nil {
		return placement{}, err
	}
	o.request = q.id
	if s.faults.PostOnlyMode && !o.postOnly {
		return placement{}, errMode
	}
	return s.place(o)
}

// cancels runs a cancel under the lock with its headers checked.
func (s *Sandbox) cancels(h handler) handler { return s.private(h) }

// cancelling counts the cancels against the signer and performs them. Named orders cost one each; a sweep costs one
// more than it cancels and may overdraw.
func (s *Sandbox) cancelling(q *request, ids []string, sweep bool) answer {
	n := len(ids)
	if sweep {
		n++
	}
	a, spent := s.spend(q.key, cancelsBucket, n, sweep)
	if spent {
		return a
	}
	return ok(s.cancel(q.key, ids)).also(a)
}

func (s *Sandbox) deleteOrder(q *request) answer {
	var body struct {
		OrderID string `json:"orderID"`
	}
	if json.Unmarshal(q.body, &body) != nil || !isOrderID(body.OrderID) {
		return refuse(http.StatusBadRequest, "Invalid orderID")
	}
	return s.cancelling(q, []string{body.OrderID}, false)
}

func (s *Sandbox) deleteOrders(q *request) answer {
	var ids []string
	if json.Unmarshal(q.body, &ids) != nil || len(ids) == 0 {
		return refuseErr(errPayload)
	}
	if len(ids) > maxCancels {
		return refuse(http.StatusBadRequest, fmt.Sprintf("Too many orders in payload, max allowed: %d", maxCancels))
	}
	if slices.ContainsFunc(ids, func(id string) bool { return !isOrderID(id) }) {
		return refuse(http.StatusBadRequest, "Invalid orderID")
	}
	return s.cancelling(q, ids, false)
}

func (s *Sandbox) cancelAll(q *request) answer {
	ids := s.restingIDs(func(o *order) bool { return o.key.owner == q.key.owner })
	return s.cancelling(q, ids, true)
}

func (s *Sandbox) cancelMarket(q *request) answer {
	var body struct {
		Market  string `json:"market"`
		AssetID string `json:"asset_id"`
	}
	if json.Unmarshal(q.body, &body) != nil || body.Market == "" && body.AssetID == "" {
		return refuse(http.StatusBadRequest, "Invalid payload")
	}
	ids := s.restingIDs(func(o *order) bool { return o.key.owner == q.key.owner && o.in(body.Market, body.AssetID) })
	return s.cancelling(q, ids, true)
}

// in reports whether the order is on that market and token, where given.
func (o *order) in(condition, token string) bool {
	return (condition == "" || strings.EqualFold(condition, o.market.ConditionID)) && (token == "" || token == o.token())
}

func (s *Sandbox) restingIDs(keep func(*order) bool) (ids []string) {
	for _, o := range s.resting(keep) {
		ids = append(ids, o.id)
	}
	return ids
}
