//go:build race

package rehearse

// ways are the kinds of delay that each rehearsal is run with. A rehearsal is one goroutine, in which the race detector finds
// nothing and which it makes six times as slow: CI runs the others without it.
func ways() []Delay { return []Delay{Jitter} }
