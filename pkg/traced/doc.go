// Package traced says of which HTTP transports it is known that they tell their steps.
//
// It owns that one judgement. Who holds a request back at its connection, or counts it once it has one, needs net/http/httptrace to be
// told of it; a transport that nobody knows may send without a word, and is taken for one that does.
//
// It has no state and cannot fail.
package traced
