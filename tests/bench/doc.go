// Package bench measures what the disk, the log and the order path cost, each beside a reference that is measured in the
// same run: absolute figures belong to one machine and one minute, the ratios do not.
//
// It holds benchmarks only; CI runs each once, so that they stay runnable. docs/benchmarks.md has figures:
//
//	go test -run '^$' -bench . -benchtime 5x ./tests/bench
package bench
