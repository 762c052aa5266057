// Package door lets HTTP requests to a venue out with a permit.
//
// It owns the way of every call of a service that reaches the venue from a shared address: Client wraps an http.Client so that no
// request leaves without a permit of the limiter, and what its answer says about limits is heard at the moment at which it came.
//
// Invariants: a request that gets no permit fails before its first byte, unless it is urgent; each permit is closed once, by what became of its request:
// answered, perhaps arrived, or never left; a repeat inside a client, such as one with fresh credentials, takes a permit of its
// own; the body that the caller reads is whole. A call that is held (Hold) goes as far as a connection; nothing of it is written before it is paid for, and its permit belongs to one of
// the two, caller or call, at any time.
//
// How it fails: the error of a request that gets no permit is the limiter's.
package door
