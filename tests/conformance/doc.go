// Package conformance keeps the sandbox honest: the venue's official client, installed from npm at a pinned version and
// unchanged but for its host, must work against it, and what the venue refuses it must refuse in the venue's words.
//
// It holds tests only. They need node and npm; without them they are skipped, and fail under SLUICE_REQUIRE_ALL=1.
package conformance
