//go:build !race

package flow

// seeds is how many storms of crashes are run.
const seeds = 15

// stormSeeds is how many whole systems are run on random commands and random trouble.
const stormSeeds = 50
