package evm

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
)

// URL is an endpoint's address. Its path, user and query are often a key, so it prints as scheme and host; Reveal is the
// only way to the rest.
type URL string

// ErrBadURL reports text that is no http(s) address. It never quotes the text.
var ErrBadURL = errors.New("not an RPC address: want http:// or https:// and a host")

// Check reports ErrBadURL.
func (u URL) Check() error {
	p, err := url.Parse(string(u))
	if err != nil || p.Host == "" || p.Scheme != "http" && p.Scheme != "https" {
		return ErrBadURL
	}
	return nil
}

// Reveal returns the address itself. Every call is a place to look at in a review.
func (u URL) Reveal() string { return string(u) }

// String is scheme and host, and [secret] where there is more.
func (u URL) String() string {
	p, err := url.Parse(string(u))
	if err != nil || p.Host == "" {
		return "[secret]"
	}
	s := p.Scheme + "://" + p.Host
	if p.User != nil || p.Path != "" && p.Path != "/" || p.RawQuery != "" || p.Fragment != "" {
		s += "/[secret]"
	}
	return s
}

// Format prints String for every verb.
func (u URL) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(u.String())) }

// LogValue returns String.
func (u URL) LogValue() slog.Value { return slog.StringValue(u.String()) }

// MarshalText writes String; reading is ordinary, so that configuration can hold one.
func (u URL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }
