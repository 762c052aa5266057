package gate

import (
	"math/bits"
	"time"
)

// Past is what a counter has counted, apart from any clock: ages reach back from the moment at which it was told. It is what
// is kept over a restart, and never says less than was counted.
type Past struct {
	Cells   []Cell        `json:"cells,omitempty"`   // of the log, the youngest first
	Missing int64         `json:"missing,omitempty"` // what the bucket lacks, in millionths of a token; more than its burst when it owes
	Cut     int           `json:"cut,omitempty"`     // permille of the figures in force; 0: all
	Stopped time.Duration `json:"stopped,omitempty"` // how long nothing may leave
}

// Cell is units that were counted at about the same time, which is told as the latest that it can have been.
type Cell struct {
	Age time.Duration `json:"age"`
	N   int           `json:"n"`
}

// Bounds of cells: an age is told to a sixteenth, and to a 64th of the longest window.
const (
	cellOfAge  = 16
	cellOfSpan = 64
	cellLeast  = int64(5 * time.Millisecond)
)

// Past tells what a counter has counted. What is on the way is not part of it.
func (g *Gate) Past(now time.Time, c *Counter) Past {
	t := g.at(now)
	var p Past
	span := int64(0)
	for i := range c.windows {
		span = max(span, c.windows[i].span)
	}
	// A cell is as old as the youngest unit in it, so that one that was recalled is told with its own age: what is told and recalled
	// again and again grows old all the same.
	for before := 0; ; {
		at, ok := c.log.before(before)
		age := t - at
		if !ok || age >= span {
			break
		}
		n := c.log.since(at - max(cellLeast, min(age/cellOfAge, span/cellOfSpan)))
		p.Cells = append(p.Cells, Cell{time.Duration(age), n - before})
		before = n
	}
	if b := c.rule.Bucket; b != nil {
		p.Missing = max(0, int64(b.Burst)*million-c.micro(t))
	}
	if c.cut != permille {
		p.Cut = c.cut
	}
	p.Stopped = time.Duration(max(0, c.until-t))
	return p
}

// Empty reports whether nothing was counted that matters yet.
func (p Past) Empty() bool {
	return len(p.Cells) == 0 && p.Missing == 0 && p.Cut == 0 && p.Stopped == 0
}

// Recall puts a past into a counter that has counted nothing, told at least so long ago. Units of a negative age have come
// after it was told.
func (g *Gate) Recall(now time.Time, c *Counter, p Past, ago time.Duration) {
	t := g.at(now)
	later := 0
	for i := len(p.Cells) - 1; i >= 0; i-- {
		at := min(t, t-int64(ago)-int64(p.Cells[i].Age))
		c.log.push(at, p.Cells[i].N)
		if p.Cells[i].Age < 0 {
			later += p.Cells[i].N
		}
	}
	if p.Cut != 0 {
		c.lower(t, p.Cut)
	}
	if c.rule.Bucket != nil {
		missing := max(0, p.Missing-c.refilled(int64(ago))) + int64(later)*million
		c.drain(t, int((missing+million-1)/million))
	}
	c.until = max(c.until, t+int64(p.Stopped-ago))
}

// refilled is how many millionths of a token come into the bucket in a span, rounded down.
func (c *Counter) refilled(span int64) int64 {
	b := c.rule.Bucket
	inPer := uint64(b.Rate) * uint64(c.cut) * (million - clockPPM) / permille
	hi, lo := bits.Mul64(uint64(max(0, span)), inPer)
	if hi >= uint64(b.Per) {
		return farAway
	}
	n, _ := bits.Div64(hi, lo, uint64(b.Per))
	return int64(min(n, uint64(farAway)))
}
