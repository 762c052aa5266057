//go:build race

package relay

// troublesInOne is of how many troubles one is tried. Under the race detector, which makes each five times as slow, a third of
// them go through the same code; CI tries all of them without it.
const troublesInOne = 3
