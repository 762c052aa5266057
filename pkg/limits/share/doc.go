// Package share lets the limiters of several processes share one allowance over NATS, and keeps what was counted over restarts.
//
// It owns the meeting of pkg/limits/lend's two sides: which process grants, the record on disk, and the messages. Every process
// runs a Node beside its limiter. One of them grants, in whichever it happens to be; nothing else need run.
//
// # Subjects
//
// limits.<name>.ask carries the questions to whoever grants, whose answers go to the asker's inbox; limits.<name>.status is
// answered with the state of the counters. The record is the key <name> of the bucket LIMITS.
//
// # Invariants
//
//   - Nothing leaves that was not lent, and nothing is lent that is not in a record on disk; see pkg/limits/lend for why no limit
//     is then ever exceeded.
//   - Whoever writes the record next in its bucket grants: each write expects the one before it, so that an older granter finds
//     out with its next one.
//   - In the process that grants, what is at hand leaves without a message and without the disk.
//
// # How it fails
//
// Without NATS what is lent already may leave, for some seconds, and then nothing. A granter that ends is followed at once by
// whoever asks next; one that hangs, after Silence. A record that cannot be read stops everything and is said in the log: what
// was used is then not known.
package share
