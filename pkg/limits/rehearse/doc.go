// Package rehearse runs a profile of limits in virtual time: how long a backlog takes (Plan), and whether a saturating
// client ever exceeds what an independent venue counts (Simulate).
//
// It owns a small world: a clock of its own, a network with delays, a client that always wants more, with the limiter and, where a
// daily quota governs, the book of pkg/limits/quota; and the venue of pkg/limits/referee, which counts for itself from the documented
// figures and shares no code with either.
//
// Invariants: the same seed gives the same run; no clock of the machine is read.
//
// How it fails: an endpoint without limits cannot be rehearsed and is refused, as is one that the tier does not include, and a request
// that can never pass.
package rehearse
