//go:build !race

package flow

// seeds is how many storms of crashes are run.
const seeds = 15
