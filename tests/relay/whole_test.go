//go:build !race

package relay

// troublesInOne is of how many troubles one is tried.
const troublesInOne = 1
