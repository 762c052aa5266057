//go:build race

package flow

// seeds is how many storms of crashes are run. The race detector makes each about five times as slow; a few of them go
// through the same code.
const seeds = 4

// stormSeeds is how many whole systems are run under the race detector; CI runs all fifty of them without it.
const stormSeeds = 5
