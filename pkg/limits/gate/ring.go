package gate

// firstRing is the size of a log before it has grown to its layers' need.
const firstRing = 64

// ring is the log of a counter: the moments at which its last units were answered, in order.
type ring struct {
	buf   []int64
	n     int // units ever pushed
	limit int // units that some layer looks back over
}

// need makes room for looking back over n units. What is logged stays.
func (r *ring) need(n int) { r.limit = max(r.limit, n) }

// push logs k units at a moment that is not before the last.
func (r *ring) push(t int64, k int) {
	for range k {
		if r.n >= len(r.buf) && len(r.buf) < r.limit {
			r.grow()
		}
		if len(r.buf) == 0 {
			return
		}
		r.buf[r.n&(len(r.buf)-1)] = t
		r.n++
	}
}

// grow doubles the log. Sizes are powers of two, so that a position is a mask away.
func (r *ring) grow() {
	bigger := make([]int64, max(firstRing, 2*len(r.buf)))
	for i := max(0, r.n-len(r.buf)); i < r.n; i++ {
		bigger[i&(len(bigger)-1)] = r.buf[i&(len(r.buf)-1)]
	}
	r.buf = bigger
}

// before is the moment of the unit that has m younger ones; ok is false when there is none that old.
func (r *ring) before(m int) (t int64, ok bool) {
	if m >= r.n || m >= len(r.buf) {
		return 0, false
	}
	return r.buf[(r.n-1-m)&(len(r.buf)-1)], true
}

// since counts the logged units after a moment, by bisection.
func (r *ring) since(t int64) int {
	low, high := 0, min(r.n, len(r.buf))
	for low < high {
		mid := (low + high) / 2
		if at, _ := r.before(mid); at > t {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}
