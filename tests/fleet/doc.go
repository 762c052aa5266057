// Package fleet holds the tests of limits that several real processes share: a broker and replicas, each a process of its own on loopback,
// that are killed, stand still, and lose the broker, while a venue in the test counts what arrives.
//
// A replica is a limiter with a share.Node, as in an executor, that floods the venue with orders of two accounts and sends a cancel now and
// then. The count shares no code with the limiter (pkg/limits/referee).
//
// SLUICE_FLEET_FULL=1 makes the campaign that of docs/limits.md: minutes, with six replicas, and a floor for what is used.
package fleet
