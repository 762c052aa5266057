package rehearse

import (
	"container/heap"
	"time"
)

// world is virtual time: what will happen, in order.
type world struct {
	now    time.Duration
	coming happenings
	seq    int
}

type happening struct {
	at  time.Duration
	seq int
	do  func()
}

type happenings []happening

func (h happenings) Len() int { return len(h) }
func (h happenings) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].seq < h[j].seq
}
func (h happenings) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *happenings) Push(x any)   { *h = append(*h, x.(happening)) }
func (h *happenings) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// at plans something for a moment that is not past.
func (w *world) at(t time.Duration, do func()) {
	w.seq++
	heap.Push(&w.coming, happening{max(t, w.now), w.seq, do})
}

// run lets happen what is planned, up to and including a moment.
func (w *world) run(until time.Duration) {
	for len(w.coming) > 0 && w.coming[0].at <= until {
		h := heap.Pop(&w.coming).(happening)
		w.now = h.at
		h.do()
	}
	w.now = until
}
