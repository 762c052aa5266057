package polymarket

import (
	"fmt"
	"log/slog"
)

// redacted is what every secret prints as.
const redacted = "[secret]"

// Secret is text that must not reach a log: it prints as [secret] under fmt, slog and JSON. Reveal is the only way out.
type Secret string

// Reveal returns the secret itself. Every call is a place to look at in a review.
func (s Secret) Reveal() string { return string(s) }

// String returns [secret].
func (s Secret) String() string { return redacted }

// Format prints [secret] for every verb, %x and %#v included.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue returns [secret].
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText writes [secret]; JSON goes through it. Unmarshalling is ordinary, so that configuration can hold one.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Credentials are an API key of the CLOB (L2). Key is an identifier and is the "owner" of orders; the others are secret.
type Credentials struct {
	Key        string // uuid
	Secret     Secret // base64, either alphabet, padding optional
	Passphrase Secret
}

// BuilderCredentials are a builder's API key (relayer, combos). They are a type of their own so that neither kind can
// be used where the other belongs.
type BuilderCredentials struct {
	Key        string
	Secret     Secret // base64, either alphabet, padding optional
	Passphrase Secret
}
