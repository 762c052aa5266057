package executor

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
)

// snapshotVersion changes with the form; a snapshot of another form is refused, and the log is folded instead.
const snapshotVersion = 2

// snapshot is the state as it is written. Equal states have equal bytes.
type snapshot struct {
	V        int                             `json:"v"`
	Account  msgs.Account                    `json:"account"`
	N        uint64                          `json:"n"`
	NowMS    int64                           `json:"now_ms"`
	SweptMS  int64                           `json:"swept_ms"`
	Orders   []byte                          `json:"orders"` // packed
	Barriers []*barrier                      `json:"barriers"`
	Halted   bool                            `json:"halted"`
	HaltedTo msgs.Barrier                    `json:"halted_to"`
	Spent    []spentHour                     `json:"spent"`
	Day      int64                           `json:"day"`
	Traded   money.Cash                      `json:"traded"`
	Markets  map[msgs.ConditionID]money.Cash `json:"markets"`

	Incarnation string       `json:"incarnation,omitempty"`
	Former      []string     `json:"former,omitempty"`
	Comparing   bool         `json:"comparing,omitempty"`
	ClaimedMS   int64        `json:"claimed_ms,omitempty"`
	Doubts      []msgs.Error `json:"doubts,omitempty"`
}

// spentHour is one generation of spent ids: pairs of 8 bytes, id and content, sorted.
type spentHour struct {
	Hour int64  `json:"hour"`
	IDs  []byte `json:"ids"`
}

// Snapshot is the state as bytes.
func (o *Orders) Snapshot() ([]byte, error) {
	orders, err := pack(o.all())
	if err != nil {
		return nil, err
	}
	s := snapshot{
		V: snapshotVersion, Account: o.id.Account, N: o.n, NowMS: o.nowMS, SweptMS: o.sweptMS, Orders: orders, Barriers: o.barriers,
		Halted: o.halted, HaltedTo: o.haltedTo, Day: o.day, Traded: o.traded, Markets: o.markets,
		Incarnation: o.incarnation, Former: o.former, Comparing: o.comparing, ClaimedMS: o.claimedMS, Doubts: o.doubts,
	}
	for _, g := range o.spent.gens {
		h := spentHour{Hour: g.hour, IDs: make([]byte, 0, 16*len(g.ids))}
		for _, id := range slices.Sorted(maps.Keys(g.ids)) {
			h.IDs = binary.LittleEndian.AppendUint64(h.IDs, id)
			h.IDs = binary.LittleEndian.AppendUint64(h.IDs, g.ids[id])
		}
		s.Spent = append(s.Spent, h)
	}
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode snapshot: %w", err)
	}
	return b, nil
}

// all is every order of the state once, in the order in which they came.
func (o *Orders) all() []*order {
	seen := make(map[*order]bool, len(o.byClient)+len(o.byID))
	for _, ord := range o.byClient {
		seen[ord] = true
	}
	for _, ord := range o.byID {
		seen[ord] = true
	}
	return slices.SortedFunc(maps.Keys(seen), func(a, b *order) int { return cmp.Compare(a.Serial, b.Serial) })
}

// Restore takes the state from a snapshot.
func (o *Orders) Restore(b []byte) error {
	var s snapshot
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("decode snapshot: %w", err)
	}
	if s.V != snapshotVersion || s.Account != o.id.Account {
		return fmt.Errorf("decode snapshot: version %d of account %q, want version %d of %q", s.V, s.Account, snapshotVersion, o.id.Account)
	}
	orders, err := unpack(s.Orders)
	if err != nil {
		return err
	}
	fresh := NewOrders(o.id, o.rules)
	fresh.n, fresh.nowMS, fresh.sweptMS = s.N, s.NowMS, s.SweptMS
	fresh.halted, fresh.haltedTo, fresh.day, fresh.traded = s.Halted, s.HaltedTo, s.Day, s.Traded
	fresh.incarnation, fresh.former, fresh.comparing, fresh.claimedMS, fresh.doubts = s.Incarnation, s.Former, s.Comparing, s.ClaimedMS, s.Doubts
	if s.Markets != nil {
		fresh.markets = s.Markets
	}
	for _, ord := range orders {
		fresh.index(ord)
	}
	fresh.barriers = s.Barriers
	for _, h := range s.Spent {
		g := generation{h.Hour, make(map[uint64]uint64, len(h.IDs)/16)}
		for ids := h.IDs; len(ids) >= 16; ids = ids[16:] {
			g.ids[binary.LittleEndian.Uint64(ids)] = binary.LittleEndian.Uint64(ids[8:])
		}
		fresh.spent.gens = append(fresh.spent.gens, g)
	}
	*o = *fresh
	return nil
}
