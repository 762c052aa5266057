// Package conformance keeps the sandbox honest: the venue's official clients (order book and relayer), installed from npm at pinned
// versions and unchanged but for their hosts, must work against it, and what the venue refuses it must refuse in the venue's
// words; and a stranger who only speaks JSON-RPC must find on its chain what its books say.
//
// It holds tests only. They need node and npm; without them they are skipped, and fail under SLUICE_REQUIRE_ALL=1.
package conformance
