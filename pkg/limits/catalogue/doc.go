// Package catalogue holds the documented limits of venues and providers as dated data.
//
// It owns the figures: profiles (a venue at a date) of rules (something that is counted, per scope) with layers (windows,
// buckets, quotas) and costs, each with its source and date. They are embedded files of YAML; a user's file adds profiles
// or replaces those of the same name, and can be read again while the process runs.
//
// Words: a layer is one figure ("3,500 in 10 s"). A rule is a counter: the requests that it is for, what each costs, and
// the layers that all must hold. A scope says what a rule counts per: one counter for each ip, signer, api-key, relayer or
// provider. A tier is a row of figures that a venue grants to an account.
//
// Invariants: a profile that is built from others (from) has for each layer the smaller figure, and keeps the larger one
// as what may be learned; a factor or a ceiling never raises a figure; a rule that can never be met is refused.
//
// How it fails: a file with a mistake is refused whole, with file, line and reason of every mistake, and what is in force
// stays in force (Store.Reload).
package catalogue
