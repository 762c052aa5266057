// Package actortest runs tests in virtual time against the real NATS server, in process and on real files.
//
// [Run] opens a testing/synctest bubble with a [natsd] server, a service connection and, on demand, an in-memory
// network for fake venues ([Bubble.Pipe]). In a bubble an idle hour passes in milliseconds: time jumps as soon as
// every goroutine of the bubble waits for something inside it.
//
// # The seam
//
// nats-server has one goroutine per process, its access-time service, that the first open stream starts. Started
// inside a bubble it waits on a channel made outside, so the bubble is never idle and virtual time stands still:
// the first test that sleeps hangs until its timeout. Run and [Main] register the service outside. (Tried once by
// hand: with the registration taken out of Run, TestIdleHour does not end.)
//
// # What hangs
//
// A test that hangs has a goroutine waiting on something from outside the bubble: a TCP socket, a connection pool
// of http.DefaultTransport, a channel or a timer made before Run, a time.Tick. Everything the Bubble hands out is
// made inside and closed at its end, in the reverse order of making; what a test starts itself it must end itself.
// Time stops when the last cleanup has returned: a goroutine that still sleeps then is reported as a deadlock.
//
// synctest fakes time, not scheduling: two runs of a test see the same instants, not the same interleavings.
// Assert after [Bubble.Wait], never after a sleep alone.
package actortest
