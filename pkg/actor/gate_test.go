package actor

import (
	"testing"
	"time"
)

// A barrier is as old as the answer of the lane that answered first: what that one has got since, nobody knows of.
func TestBarrierIsAsOldAsItsFirstAnswer(t *testing.T) {
	g := &gate{asked: time.Now()}
	r := &running{Actor: &Actor{cfg: Config{Passing: pass}}, questions: &questions{open: map[uint64]*question{1: {gate: g, left: 0b11}}}}
	first := g.asked.Add(time.Millisecond)
	r.answered(laneAnswer{question: 1, lane: 1, quiet: true, at: first})
	if !g.made.IsZero() {
		t.Fatal("it is made while a lane has not answered")
	}
	r.answered(laneAnswer{question: 1, lane: 0, quiet: true, at: first.Add(time.Second)})
	if !g.made.Equal(first) || !r.open(g) {
		t.Errorf("it is made at %v, and the first answer came at %v", g.made, first)
	}
}
