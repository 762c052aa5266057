package actor

import (
	"testing"
	"testing/synctest"
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

// Where the lanes always answer further apart than a barrier may be old, asking anew has an end: the second answer counts.
func TestLanesThatAnswerFarApartHoldNothingForEver(t *testing.T) {
	const apart = 10 * barrierAge
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		r := &running{Actor: &Actor{cfg: Config{Passing: pass}}, questions: &questions{open: map[uint64]*question{}}}
		h := &held{gate: g}
		answer := func(id uint64) {
			r.questions.open[id] = &question{gate: g, left: 0b11}
			r.answered(laneAnswer{question: id, lane: 0, quiet: true, at: time.Now()})
			time.Sleep(apart)
			r.answered(laneAnswer{question: id, lane: 1, quiet: true, at: time.Now()})
		}
		r.ask(g)
		answer(1)
		if r.mayGo(h) {
			t.Fatal("it goes, and of a cancel that came between the answers nobody knows")
		}
		answer(2)
		if !r.mayGo(h) {
			t.Error("it is asked for once more, and so for ever")
		}
		time.Sleep(2 * apart)
		if r.mayGo(h) {
			t.Error("it goes by an answer of long ago")
		}
	})
}
