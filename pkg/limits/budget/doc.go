// Package budget is a profile of limits in force: the documented figures of pkg/limits/catalogue, lowered by a factor,
// counted by pkg/limits/gate.
//
// It owns the translation: which rules an endpoint falls under, what a request costs at each, one counter for each value of
// a scope (ip, signer, api-key, relayer, provider), tiers that are learned, and what an answer of the venue says about
// which counter. Quotas are not counted here but in pkg/limits/quota.
//
// It is pure like the gate: the moment is an argument. pkg/limits puts a clock and a lock around it; pkg/limits/rehearse
// runs it in virtual time.
//
// Invariants: a factor and a ceiling only lower; a figure that they would lower below one request is stretched in time
// instead; signals lower; only a learned tier or limit raises, up to the documented figure.
//
// How it fails: an endpoint that no rule covers passes unlimited (Covered tells); one that the plan excludes is refused
// with gate.ErrNever.
package budget
