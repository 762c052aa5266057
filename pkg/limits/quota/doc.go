// Package quota is the book of a daily quota: so many units in any twenty-four hours, counted durably.
//
// It owns the decision whether a unit may be spent, and what was decided before. A Book is pure: it decides events and is
// the fold of them. A Keeper ties it to a Journal, which several processes may share; a unit is reserved in the journal
// before the request that costs it is sent, and confirmed when it was answered.
//
// Invariants: what the book holds never exceeds the quota in any span of a day; a unit whose answer is lost, or whose process
// died, stays charged until it lapses or somebody learns what became of it; what the server says lowers and never raises;
// units for money that must come home are kept to the last.
//
// How it fails: Exhausted says until when, and for whom; a journal that cannot be written spends nothing.
package quota
