package ingest

import (
	"fmt"
	"time"

	"sluice/pkg/polymarket"
)

// look says again what others have withdrawn, subscribes what has joined, and again what has waited too long for its book.
func (m *markets) look(now time.Time) ([][]byte, error) {
	m.insist()
	if now.Sub(m.looked) < lookEvery && m.looked.After(m.opened) {
		return nil, nil
	}
	m.looked = now
	if e := m.epoch.Load(); e != m.written {
		m.written = e
		for _, b := range m.order {
			if b.shown {
				m.show(b, b.fresh)
			}
		}
	}
	var send [][]byte
	if ids := m.dismiss(); len(ids) > 0 {
		send = append(send, polymarket.MarketRemove(ids))
	}
	if ids := m.admit(now); len(ids) > 0 {
		send = append(send, polymarket.MarketAdd(ids, true))
	}
	late := m.late(now)
	if len(late) == 0 {
		return send, nil
	}
	if m.fresh == 0 && !m.renewed && now.Sub(m.opened) >= snapshotTimeout {
		m.renewed = true
		return nil, fmt.Errorf("%w within %s", errSnapshot, snapshotTimeout)
	}
	// Known tokens are not dumped again unless they were given up before.
	return append(send, polymarket.MarketRemove(late), polymarket.MarketAdd(late, true)), nil
}

// late are the tokens that have waited too long for a snapshot; each waits twice as long next time.
func (m *markets) late(now time.Time) []string {
	if m.fresh == len(m.order) {
		return nil
	}
	var ids []string
	for _, b := range m.order {
		if b.since.IsZero() || now.Sub(b.since) < b.patience {
			continue
		}
		if b.patience > snapshotTimeout && !b.absent {
			b.absent = true
			m.absent++
		}
		b.since, b.patience = now, min(2*b.patience, maxSnapshotTimeout)
		ids = append(ids, string(b.id))
	}
	return ids
}

func (m *markets) state() (state, cause string) {
	if m.fresh+m.absent == len(m.order) {
		return stateUp, ""
	}
	return stateStale, "waiting for books"
}

// lost withdraws every book: what the venue does now is not seen.
func (m *markets) lost(cause error) {
	label := causeLabel(cause)
	for _, b := range m.order {
		m.withdraw(b, label)
	}
}

func (m *markets) tokens() int { return len(m.order) }
