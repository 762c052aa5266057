//go:build !race

package rehearse

// ways are the kinds of delay that each rehearsal is run with.
func ways() []Delay { return delays() }
