package budget

import (
	"fmt"
	"math/bits"
	"time"

	"sluice/pkg/limits/catalogue"
	"sluice/pkg/limits/gate"
	"sluice/pkg/limits/signal"
)

// Permille is the whole of a factor or a ceiling.
const Permille = 1000

// conservative is the default factor: head-room for figures that are wrong or shared, not a part of the proof.
const conservative = 800

// Options say how much of a profile is used. The zero value is the conservative default.
type Options struct {
	// Factor is how much of each figure is used, in permille. Default 800.
	Factor int

	// Ceiling is the highest utilisation of any figure, in permille, whatever the factor is. Default 1000.
	Ceiling int

	// NoPeaks leaves out the per-second peaks beside the documented windows.
	NoPeaks bool

	// Tier is the tier of every account until another is learned. Default: the profile's.
	Tier string

	Gate  gate.Config
	Pulse signal.PulseConfig
}

// Check finds figures outside of their range.
func (o Options) Check() error {
	if o.Factor < 0 || o.Factor > Permille || o.Ceiling < 0 || o.Ceiling > Permille {
		return fmt.Errorf("check limits: factor %d and ceiling %d are not between 0 and %d permille", o.Factor, o.Ceiling, Permille)
	}
	return nil
}

// use is the share of each figure that may be used, in permille.
func (o Options) use() int {
	f, c := o.Factor, o.Ceiling
	if f == 0 {
		f = conservative
	}
	if c == 0 {
		c = Permille
	}
	return min(f, c)
}

// scaled are the rule's layers for a tier as the gate counts them.
func scaled(r *catalogue.Rule, tier string, o Options, learned map[time.Duration]int) gate.Rule {
	out := gate.Rule{Name: r.Name}
	use, least := o.use(), r.Least()
	for _, l := range r.Of(tier) {
		switch l.Kind() {
		case catalogue.WindowKind:
			if l.Peak && o.NoPeaks {
				continue
			}
			full := l.N
			if n := learned[l.Per]; n > full {
				full = min(n, l.Most.N)
			}
			out.Windows = append(out.Windows, window(full, l, use, least))
		case catalogue.BucketKind:
			out.Bucket = bucket(l, use, least)
		case catalogue.NoneKind:
			out.Closed = true
		}
	}
	return out
}

// window uses a share of a figure. A share that would not hold the dearest request is stretched: the same rate, over a
// longer time.
func window(full int, l catalogue.Layer, use, least int) gate.Window {
	w := gate.Window{N: full * use / Permille, Per: l.Per, Grain: l.Grain, Full: full}
	if w.N < least {
		w.N, w.Per = least, stretch(l.Per, least*Permille, full*use)
	}
	return w
}

// bucket uses a share of the rate, by a longer span for the same tokens, and of the burst.
func bucket(l catalogue.Layer, use, least int) *gate.Bucket {
	per := l.Per
	if per == 0 {
		per = time.Second
	}
	return &gate.Bucket{Rate: l.Rate, Per: stretch(per, Permille, use), Burst: max(least, l.Burst*use/Permille), Negative: l.Negative}
}

// stretch is d times a/b, rounded up.
func stretch(d time.Duration, a, b int) time.Duration {
	hi, lo := bits.Mul64(uint64(d), uint64(a))
	q, rest := bits.Div64(hi%uint64(b), lo, uint64(b))
	if rest > 0 {
		q++
	}
	return time.Duration(q)
}
