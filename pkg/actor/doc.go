// Package actor runs one actor: a goroutine that owns the state of one account's family of events, is the only writer
// of that family, and is rebuilt by replaying it.
//
// # What it owns
//
// The loop (Actor), the fenced log it appends to, the lanes it reads, its snapshots, and the Group that keeps runners
// running. What is decided belongs to the Core, what is done outside to the Perform function; both are the service's.
//
// # Subjects
//
// In: the lanes, each a set of literal subjects of one stream, read without acknowledgement from cursors that are part
// of the actor's own events. Out: one literal subject, evt.<family>.<account>, which is also the fence's filter.
//
// # Invariants
//
//   - Log before deed: a deed is performed after the events of its decision are on disk. Early deeds are the exception;
//     only what may be repeated without harm can be one.
//   - One append is in flight. Whatever is decided meanwhile goes into the next as one message. The events of one
//     decision are never split over two.
//   - Every append carries the expected last sequence of the family. A refusal whose last message is our own append
//     means that an acknowledgement was lost; any other means that we were replaced.
//   - Nobody outside sees an event, and no question is answered from it, before it is on disk.
//   - Before submits are decided the express lanes are drained to their present end, so that a cancel stored before
//     its submit is decided wins.
//   - A submit that would use a permit is decided only with the permit in hand; one that would not (killed, expired,
//     refused) is decided at once, however long the limiter makes the others wait.
//
// # How it fails
//
// A lost connection is waited out. Being replaced ends Run with ErrReplaced: what is in hand is dropped unsent. A log of
// another env, or lanes that end before their cursor, end Run with an error that says what to do. A panic in a core is
// not recovered.
package actor
