package ledger

import (
	"errors"
	"slices"
	"strings"
	"sync"

	"sluice/pkg/msgs"
)

// The parts of which the books' truth is made.
const (
	partOrders = "orders"      // evt.order.<account>, as far as it stood when the reader opened it
	partTrades = "trades"      // feed.<account>.trade, the same
	partOpen   = "open orders" // of which removed events may have told, taken from the executor
	partChain  = "chain"       // the chain's transactions, up to an answer that had no more
	partEvents = "events"      // what the books tell, taken by the log
)

// part is one of them, of an account; the chain is one for all.
type part struct {
	name    string
	account msgs.Account
}

func (p part) String() string {
	if p.account == "" {
		return p.name
	}
	return p.name + " of " + string(p.account)
}

// missing is what the books lack at this moment to be as true as they can, and why.
type missing struct {
	mu    sync.Mutex
	lacks map[part]string
	count *counters
}

func newMissing(c *counters) *missing { return &missing{lacks: map[part]string{}, count: c} }

// lack says that a part is not there.
func (m *missing) lack(p part, why string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.lacks[p]; !known {
		m.count.missing.WithLabelValues(p.name).Inc()
	}
	m.lacks[p] = why
}

// fail is lack of a part that was tried in vain.
func (m *missing) fail(p part, cause error) {
	m.count.failures.WithLabelValues(p.name).Inc()
	m.lack(p, cause.Error())
}

// have says that a part is there.
func (m *missing) have(p part) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.lacks[p]; known {
		m.count.missing.WithLabelValues(p.name).Dec()
		delete(m.lacks, p)
	}
}

// err names all that is missing, nil when nothing is.
func (m *missing) err() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []string
	for p, why := range m.lacks {
		out = append(out, p.String()+": "+why)
	}
	if len(out) == 0 {
		return nil
	}
	slices.Sort(out)
	return errors.New("the books are behind: " + strings.Join(out, "; "))
}
