package traced

import "net/http"

// By reports whether a transport is known to tell its steps to httptrace: that of the standard library does, which nil stands for, and
// what wraps it and says so by a method Unwrap.
func By(t http.RoundTripper) bool {
	for {
		switch w := t.(type) {
		case nil, *http.Transport:
			return true
		case interface{ Unwrap() http.RoundTripper }:
			if t = w.Unwrap(); t == nil {
				return false
			}
		default:
			return false
		}
	}
}
