//go:build !race

package lend

// randomFleets is how many fleets of random size go through random trouble.
const randomFleets = 8

// sizes are the fleets that are saturated, in members.
func sizes() []int { return []int{1, 4, 16} }
