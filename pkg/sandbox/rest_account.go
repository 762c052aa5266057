package sandbox

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The kinds of notification, as the venue numbers them.
const (
	noticeCancelled = 1
	noticeFilled    = 2
	noticeFailed    = 8

	// maxNotices is how many notifications are kept for an owner; the venue keeps two days.
	maxNotices = 1000
	// unlimited is the allowance of an approved spender, 2^256−1.
	unlimited = "115792089237316195423570985008687907853269984665640564039457584007913129639935"
)

type notice struct {
	ID        int64     `json:"id"`
	Owner     string    `json:"owner"`
	Type      int       `json:"type"`
	Payload   wireOrder `json:"payload"`
	Timestamp int64     `json:"timestamp"`
}

func (s *Sandbox) notify(o *order, kind int) {
	if o.quote {
		return
	}
	s.noticeID++
	list := append(s.notices[o.key.owner], notice{s.noticeID, o.key.id, kind, o.wire(), time.Now().Unix()})
	s.notices[o.key.owner] = list[max(0, len(list)-maxNotices):]
}

func (s *Sandbox) getNotices(q *request) answer {
	return ok(append([]notice{}, s.notices[q.key.owner]...))
}

func (s *Sandbox) deleteNotices(q *request) answer {
	ids := strings.Split(q.query.Get("ids"), ",")
	s.notices[q.key.owner] = slices.DeleteFunc(s.notices[q.key.owner], func(n notice) bool {
		return slices.Contains(ids, strconv.FormatInt(n.ID, 10))
	})
	return ok("OK")
}

func (s *Sandbox) getClosedOnly(*request) answer {
	return ok(map[string]bool{"closed_only": s.faults.ClosedOnly})
}

type wireBalance struct {
	Balance    string            `json:"balance"`
	Allowances map[string]string `json:"allowances"`
}

// getBalance shows the wallet that the key owner and the signature type name: another type, another wallet.
func (s *Sandbox) getBalance(q *request) answer {
	kind, err := strconv.Atoi(q.query.Get("signature_type"))
	if q.query.Get("signature_type") == "" {
		kind, err = KindEOA, nil
	}
	if err != nil || kind < KindEOA || kind > KindDeposit {
		return refuse(http.StatusBadRequest, "Invalid signature_type")
	}
	w := s.walletOf(q.key.owner, kind)
	out := wireBalance{Allowances: map[string]string{exchangeRegular: "0", exchangeNegRisk: "0"}}
	if w.known {
		for spender := range out.Allowances {
			out.Allowances[spender] = unlimited
		}
	}
	switch q.query.Get("asset_type") {
	case "COLLATERAL":
		out.Balance = units(w.cash)
	case "CONDITIONAL", "CONDITIONAL-V2":
		m, i, err := s.tokenOf(q)
		if err != nil {
			return refuseErr(err)
		}
		out.Balance = units(w.holding(m.Tokens[i]).have)
	default:
		return refuse(http.StatusBadRequest, "Invalid asset type")
	}
	return ok(out)
}

// updateBalance has nothing to read again: the balances here are the chain.
func (s *Sandbox) updateBalance(*request) answer { return answer{status: http.StatusOK} }
