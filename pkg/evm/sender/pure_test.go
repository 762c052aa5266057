package sender

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"sluice/pkg/evm"
)

func FuzzDecode(f *testing.F) {
	to := common.Address{1}
	for _, r := range []Record{
		{Type: typeClaimed, Writer: "w", Account: &to, ChainID: 137},
		{Type: typeIntended, ID: "a", To: &to, Data: []byte{1}, Gas: 21_000},
		{Type: typeSigned, ID: "a", Nonce: 3, Gas: 21_000, Hash: common.Hash{1}, Raw: []byte{1}, Tip: evm.Gwei(30), Cap: evm.Gwei(90)},
		{Type: typeSigned, ID: holeID + "1", Nonce: 1, Gas: 21_000, Hash: common.Hash{2}, Raw: []byte{1}, Void: true},
		{Type: typeSigned, ID: "a", Nonce: 1 << 62, Gas: 21_000, Hash: common.Hash{3}, Raw: []byte{1}},
		{Type: typeVoiding, ID: "a", Cause: "why"},
		{Type: typeEnded, ID: "a", Nonce: 3, Hash: common.Hash{1}, Status: true, GasUsed: 21_000, Price: evm.Gwei(60)},
		{Type: typeTaken, ID: "a", Nonce: 3, Cause: "why"},
		{Type: typeResumed},
	} {
		b, err := r.encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decode(b)
		if err != nil {
			return
		}
		again, err := r.encode()
		if err != nil {
			return // too long
		}
		if back, err := decode(again); err != nil || !reflect.DeepEqual(back, r) {
			t.Errorf("%s comes back as %+v, %v", again, back, err)
		}
		// Any record, in any state, leaves an outbox that can be asked.
		o := NewOutbox(Limits{})
		for range 2 {
			o.Apply(Record{Type: typeIntended, ID: "a", To: &to, Gas: 50_000})
			o.Apply(r)
			o.Observe(time.Unix(100, 0), Sight{Head: 1, HeadAt: time.Unix(100, 0), Nonce: 3, FinalNonce: 3, Base: evm.Gwei(30), Balance: evm.Gwei(1e9)})
			o.Decide(time.Unix(200, 0))
			o.Sends(time.Unix(200, 0))
			o.Hashes()
			o.Low()
		}
	})
}

func FuzzOpenFile(f *testing.F) {
	f.Add([]byte("{}\n{\"a\":1}\n{\"b\""))
	f.Add([]byte("\n\n"))
	f.Add([]byte("\x00\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "j")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		before, err := j.Read(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		at, err := j.Append(t.Context(), uint64(len(before)), []byte(`{"n":1}`))
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if j, err = OpenFile(path); err != nil {
			t.Fatal(err)
		}
		after, err := j.Read(t.Context(), at-1)
		if err != nil || len(after) != 1 || !bytes.Equal(after[0].Record, []byte(`{"n":1}`)) {
			t.Errorf("the record comes back as %v, %v", after, err)
		}
		_ = j.Close()
	})
}

// No minority of endpoints changes a figure beyond what the others say, or makes anything final.
func TestMinorityIsOutvoted(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 5_000 {
		n := 3 + r.IntN(4)
		liars := (n - 1) / 2
		hash, low, high := common.Hash{1}, uint64(100), uint64(110)
		var all []Sight
		for i := range n {
			s := Sight{Nonce: low + r.Uint64N(high-low+1), FinalNonce: low, Base: evm.WeiOf(low + r.Uint64N(high-low+1)), Mined: map[common.Hash]Inclusion{}}
			if i < liars {
				s = Sight{Nonce: r.Uint64N(1000), FinalNonce: r.Uint64N(1000), Base: evm.WeiOf(r.Uint64N(1000)), Mined: map[common.Hash]Inclusion{hash: {Block: 7, Final: true}}}
			}
			all = append(all, s)
		}
		r.Shuffle(n, func(i, j int) { all[i], all[j] = all[j], all[i] })
		s := Agree(all)
		if s.Nonce < low || s.Nonce > high || s.FinalNonce != low || s.Base.Less(evm.WeiOf(low)) || evm.WeiOf(high).Less(s.Base) || s.Mined[hash].Final {
			t.Fatalf("%d liars of %d bring about %+v", liars, n, s)
		}
	}
}

func TestFinalNeedsTheSameBlock(t *testing.T) {
	h := common.Hash{1}
	sight := func(block byte, final bool) Sight {
		return Sight{Mined: map[common.Hash]Inclusion{h: {Block: 7, BlockHash: common.Hash{block}, Final: final}}}
	}
	for _, c := range []struct {
		all  []Sight
		want bool
	}{
		{[]Sight{sight(1, true)}, true},
		{[]Sight{sight(1, true), sight(1, true)}, true},
		{[]Sight{sight(1, true), sight(1, false)}, false},
		{[]Sight{sight(1, true), sight(2, true)}, false},
		{[]Sight{sight(1, true), sight(2, true), sight(1, true)}, true},
		{[]Sight{sight(1, true), {}, {}}, false},
	} {
		if got := Agree(c.all).Mined[h].Final; got != c.want {
			t.Errorf("%+v: final is %v", c.all, got)
		}
	}
}

func TestLimitsThatContradictThemselvesAreRefused(t *testing.T) {
	if err := (Limits{}).Check(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	for what, l := range map[string]Limits{
		"price below tip":   {MaxFee: evm.Gwei(20)},
		"day below one":     {MaxDay: evm.Gwei(1)},
		"no time to wait":   {BumpAfter: time.Second},
		"no room":           {MaxOpen: -1},
		"too much at once":  {MaxOpen: 1_000},
		"tip above highest": {Tip: evm.Gwei(2_000)},
	} {
		if l.Check() == nil {
			t.Errorf("%s was taken", what)
		}
	}
}

func TestBoundsAreAskedAgainBeforeASignature(t *testing.T) {
	l := Limits{}.orDefault()
	good := Draft{Gas: 100_000, Tip: evm.Gwei(30), Cap: evm.Gwei(90)}
	if err := l.check(good); err != nil {
		t.Fatal(err)
	}
	for what, d := range map[string]Draft{
		"price":     {Gas: 100_000, Tip: evm.Gwei(30), Cap: evm.Gwei(1_001)},
		"cost":      {Gas: 50_000_000, Tip: evm.Gwei(30), Cap: evm.Gwei(90)},
		"tip":       {Gas: 100_000, Tip: evm.Gwei(91), Cap: evm.Gwei(90)},
		"void data": {Gas: transferGas, Tip: evm.Gwei(30), Cap: evm.Gwei(90), Void: true, Data: []byte{1}},
		"void gas":  {Gas: transferGas + 1, Tip: evm.Gwei(30), Cap: evm.Gwei(90), Void: true},
		"overflow":  {Gas: 1 << 63, Tip: evm.Gwei(30), Cap: evm.Gwei(90)},
	} {
		if l.check(d) == nil {
			t.Errorf("%s was signed", what)
		}
	}
}
