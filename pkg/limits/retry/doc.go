// Package retry is the one place that decides whether a request is sent again, when, and how often.
//
// It owns the policies: attempts, the wait that an answer names, and the back-off where it names none. And it keeps apart
// what may be repeated from what may not: Do takes a Repeatable, which is made of a read or a cancel; an order is a Deed, which
// can only be done once. When its answer is lost the Deed gives an Unknown, and an Unknown can only be looked up.
//
// The services wait by the policies' Pauses, because they ask until they are answered, and their own types keep an order from being
// repeated. Do and Deed serve programs that make a single call and want one answer, such as one with several sources behind it.
//
// Invariants: the wait that an answer names comes first; a wait longer than a caller will sit out ends the attempts at once;
// what cannot succeed later (402, 401, other refusals) is not repeated.
//
// How it fails: SpentError says after how many attempts and bears the last answer's cause.
package retry
