// Package crash holds the tests that end real processes: the broker, the sandbox venue, ingest and executors, each a process
// of its own on loopback, built once for each run of the tests.
//
// An executor is told by its environment at which of its points (executor.Points) it ends or stops itself, so that a kill
// falls exactly between two lines. A driver goes on publishing commands all the while: orders that differ in token, price or
// size, cancels before their submits, repeats. At the end `sluice judge` reads the sandbox's journal and the streams, and
// must be content; and what the judge cannot be wrong about is counted once more here, by token, price and size. The private
// feed, which two ingests write of which one is killed, stopped or replaced now and then, is held against the journal here too.
//
// TestCrashes is a short campaign; these variables change what the tests do:
//
//   - SLUICE_KILLS=320 makes it the one of docs/crash-report.md, SLUICE_SEED repeats one, SLUICE_CRASH_REPORT=file keeps what it prints.
//   - SLUICE_WORK_KILLS=200 makes TestRelayerCrashes, which kills the relayer while on-chain work is asked for, the one of the report.
//   - SLUICE_CRASH_FULL=1 makes the pauses of owners and the number of failovers those of the docs, and lets executors that share a limit
//     be killed for minutes.
//   - SLUICE_CRASH_LOGS=folder keeps what the processes say.
package crash
