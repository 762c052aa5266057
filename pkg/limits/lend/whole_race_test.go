//go:build race

package lend

// randomFleets is how many fleets of random size go through random trouble. A fleet is one goroutine, in which the race
// detector finds nothing and which it makes six times as slow: CI runs the others without it.
const randomFleets = 2

// sizes are the fleets that are saturated, in members.
func sizes() []int { return []int{4} }
