// Package natsd runs the NATS server with JetStream inside our own process, set up so that what it acknowledges
// is on disk and so that only its owner can write the record.
//
// It owns one data directory (mode 0700) and everything in it: JetStream's files, the lock file, the env stamp and
// the service password. Callers own their connections.
//
// Invariants:
//   - Every append is synced before it is acknowledged ([Server.SyncAlways]); there is no switch.
//   - At most one server runs on a directory. nats-server itself does not see to it, and two servers on one
//     directory both win every write, which would void every fence. The lock is the kernel's and dies with the
//     process, so a SIGKILL leaves nothing to clean up.
//   - A directory belongs to one env for ever: live money is never opened by a sandbox.
//   - A strategy can ask and read; it can neither write events, feeds or market data nor use the JetStream API,
//     and it cannot listen in on answers meant for a service. Nor can it make the broker or a service do so in its
//     stead by a reply subject: every user has a NATS account of its own, joined to the services' by imports.
//   - Memory and disk have bounds of our choosing, never the library's share of the machine.
//
// How it fails: [Start] returns typed errors that name the cause and the remedy ([HeldError], [EnvError],
// [ListenError]); a fatal condition inside the library becomes such an error too and never ends the process.
// After [Server.Restart] and after a crash the same connections find the same data.
//
// Connections made by [Server.Connect] are in process, survive a restart, and fail at once while the server is
// away instead of buffering what nobody has stored.
package natsd
