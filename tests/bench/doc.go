// Package bench measures what the disk, the log and the order path cost, each beside a reference that is measured in the
// same run: absolute figures belong to one machine and one minute, the ratios do not.
//
// It holds benchmarks only, and the test that keeps them runnable:
//
//	go test -run '^$' -bench . -benchtime 5x ./tests/bench
package bench
