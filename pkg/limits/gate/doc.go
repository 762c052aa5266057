// Package gate decides when a request may leave so that no limit is ever exceeded, and uses what is allowed.
//
// It owns the counting. A Counter is one thing that is counted for one value of its scope: windows over one exact log of
// acknowledgements, a token bucket (golang.org/x/time/rate), and what the venue has asked for. A Lane is the way of one
// kind of request: the counters that it is charged to and what it costs at each. A Gate takes what a request costs from all
// of them or from none, keeps those that must wait, and lets them go in turn.
//
// It is pure: the moment is an argument, nothing runs beside it, and the same calls give the same answers.
//
// Why it never exceeds a window. A unit is busy from the moment its request is let go until the window's span after its
// answer. It reached the venue before it was answered; a unit that takes its place leaves a span later and arrives later
// still. So no span at the venue holds more than the limit, whatever the delays are, and a lost answer keeps its unit. A
// bucket is charged when the answer comes, and until then what is in flight is not there to be spent: the same argument.
//
// Invariants: what is in flight and what the log holds never exceed a layer; a more urgent class never waits for a less
// urgent one; no lane that may go waits for ever behind others (patience); a request that cannot make its deadline is
// refused at once; what the venue asks for only lowers; only a learned figure raises, up to the documented one.
//
// How it fails: a request that costs more than a layer ever holds is refused with ErrNever, one whose deadline is out of
// reach with a MissError that says when it could have left.
package gate
