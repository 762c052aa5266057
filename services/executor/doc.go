// Package executor carries orders: from a command on the bus to the venue, and from the venue's word to events on the
// account's log.
//
// # What it owns
//
// The order actor of each account (Orders is its thinking, the performer its doing), the account's events
// evt.order.<account>, the signing of orders, and the answers to svc.executor.<account>.order, .orders and .status.
//
// # Subjects
//
// In: cmd.order.<account>.*, cmd.control.<account>.*, cmd.control.all.*, feed.<account>.order and .trade, and market facts
// and books from md.polymarket.>. Out: evt.order.<account>, copies of its events to Reply-To inboxes, dead.executor.<reason>.
//
// # Invariants
//
//   - The state is the fold of the account's own events: replay and life give the same, byte for byte.
//   - An order's intent, with everything that its signature covers, is on disk before its first byte leaves, and once more
//     before each repeat. Every repeat is the same bytes. Its request may wait at a connection while the intent is being written.
//   - An order that may have left is looked up before anything else. What does not rest is never sent twice.
//   - An order that someone wants cancelled is never sent again, and one whose cancel was stored before it was decided is
//     never sent at all.
//   - After each claim nothing new leaves before the log is compared with what others know of the account; a log that may be
//     lost or rolled back holds the account until somebody accepts it.
//   - What the venue says is recorded, however odd; only our own arithmetic is asserted.
//
// # How it fails
//
// A command that cannot be taken is answered by an event that says why and what to do. A venue that does not answer leaves
// orders unknown, and they are looked up until it does. A refusal of the account itself (banned, wrong credentials, wrong
// place) halts it. A lost log stops everything that would need it.
//
// # How it is tested
//
// The core by golden transcripts (testdata), by seeded interleavings whose replay must equal their life, and by fuzzing;
// the performer against a venue made of an http.Handler; flows against the sandbox in virtual time.
package executor
