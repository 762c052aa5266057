// Package msgs is the vocabulary of Sluice: what is said on the bus, on which subject, in which stream, by whom.
//
// It owns the Go types of every message, their strict or tolerant decoding, the table of subjects and streams, and the
// JSON Schema, AsyncAPI document and golden samples that are made from the same types and table. It does no I/O and
// knows no service.
//
// Invariants:
//
//   - Money, prices and sizes are decimal strings on the wire and whole micro-units in Go; no float enters or leaves.
//   - A command is decoded strictly: one JSON object, names exact, nothing unknown, nothing twice. A misspelt post_only
//     must not become a taker order. What the schema refuses is refused here, and the other way round; what a schema
//     cannot say is listed at [BeyondSchema].
//   - Events, feeds and market data are decoded tolerantly: an unknown field is dropped, an event of an unknown type is
//     kept whole as [Strange]. Fields are only ever added; what stands in testdata/v1 decodes for ever.
//   - Ids are in payloads, never in subjects, so that an event family is one literal subject.
//   - Every refusal is an [Error] that says which code, why, and what to do.
//
// It fails by returning: [DecodeCommand] an *Error for the sender, [DecodeEvent] a Go error for whoever reads the log.
// What needs the clock, the market or the account's state (ages, ticks, balances, unknown accounts) is not judged here.
//
// Tests: golden samples for every type, agreement of schema and decoder over seeded mutations, fuzzing of every decoder.
package msgs

//go:generate go run ./internal/schemagen
