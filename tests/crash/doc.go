// Package crash holds the tests that end real processes: the broker, the sandbox venue, ingest and executors, each a process
// of its own on loopback, built once for each run of the tests.
//
// An executor is told by its environment at which of its points (executor.Points) it ends or stops itself, so that a kill
// falls exactly between two lines. A driver goes on publishing commands all the while: orders that differ in token, price or
// size, cancels before their submits, repeats. At the end `sluice judge` reads the sandbox's journal and the streams, and
// must be content; and what the judge cannot be wrong about is counted once more here, by token, price and size.
//
// TestCrashes is a short campaign. SLUICE_KILLS=300 makes it the one of docs/crash-report.md, and SLUICE_CRASH_FULL=1 makes
// the pauses and the failover figures those of the docs.
package crash
