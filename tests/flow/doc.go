// Package flow holds the system tests: the real pieces, put together as sluice up does it, in virtual time.
//
// Each test runs a NATS server with synced streams, the sandbox venue behind an in-memory network, ingest and executor
// in one testing/synctest bubble, and speaks to them as a strategy does, through a NATS user of its own. What happens is
// read from where a strategy or an auditor would read it: the streams, the reply inboxes, the venue's journal.
//
// At the end of every test the judge reads journal and streams. It must be content, or say exactly what the test has
// deliberately broken; and everything that was said on the bus must hold against its schema, closed, in the eyes of a
// validator that is not ours.
//
// Owned: the plant (what is started, stopped, killed), the gate (what happens between executor and venue), the recorder.
// Nothing here is imported by the product. It fails by failing tests; a test that hangs has let something of the bubble
// wait for something outside.
package flow
