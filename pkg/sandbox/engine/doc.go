// Package engine matches the orders of one market: two complementary outcome tokens, one book.
//
// It owns the price-time queue and nothing else: no clock, no I/O, no balances, no signatures. A purchase of one
// outcome at p and a sale of the other at 1−p are the same interest, so both rest on the same side of one book that
// is kept in prices of outcome 0.
//
// Invariants, checked by properties over random orders: what the two sides of a fill pay and receive adds up, with
// a mint taking in exactly one pUSD a set and a merge paying out exactly one; no order is filled beyond its shares
// or its cash; a better price trades first, and at one price the earlier order; after a match the book is not
// crossed.
//
// It fails only by refusing an order (Refusal); a refused order has changed nothing.
package engine
