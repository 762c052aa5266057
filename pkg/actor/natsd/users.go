package natsd

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"
)

const (
	// serviceName is the user that services connect as.
	serviceName = "service"

	// serviceInbox is where answers to services arrive. Strategies may listen to all of _INBOX., because clients
	// of every language put their answers there; a service's answers carry other accounts' commands, so they go
	// elsewhere.
	serviceInbox = "_SERVICE"

	// maxName bounds a user's name, which is also the name of its NATS account.
	maxName = 64
)

// User is someone who may connect besides the service. Each has a NATS account of its own, joined to the services'
// by what it may publish and hear.
type User struct {
	// Name is 1 to 64 of [A-Za-z0-9_-] and Password printable ASCII.
	Name, Password string
	// Publish may allow subjects under cmd. and svc., Subscribe such under evt., feed., md., ref., dead. and
	// _INBOX.; anything else is refused by the server. A nil one allows nothing.
	Publish, Subscribe *Permissions
}

// Permissions lists subjects, wildcards included. What Deny matches is refused even if Allow matches it.
type Permissions struct {
	Allow []string `json:"allow"`
	Deny  []string `json:"deny,omitempty"`
}

// ServiceUser is the user of our own services: it may do everything in the services' account.
func ServiceUser(password string) User {
	return User{Name: serviceName, Password: password}
}

// StrategyUser may send commands for the named accounts, ask the services about them, and hear what happens to
// them, besides all market data; with no account named, for every account. It cannot write events, feeds or market
// data, and cannot use the JetStream API. Of a command sent as a request it gets the broker's acknowledgement.
// "cmd.control.all" is refused until [User.WithControlAll].
func StrategyUser(name, password string, accounts ...string) User {
	pub := &Permissions{Allow: []string{"svc.ingest.*"}, Deny: []string{controlAll}}
	sub := &Permissions{Allow: []string{"md.>", "ref.>", "dead.>", "_INBOX.>"}}
	if len(accounts) == 0 || slices.Contains(accounts, "*") {
		accounts = []string{"*"}
		sub.Allow = append(sub.Allow, "evt.>", "feed.>")
	}
	for _, a := range accounts {
		pub.Allow = append(pub.Allow, "cmd.order."+a+".*", "cmd.control."+a+".*", "cmd.tx."+a+".*", "svc.*."+a+".*")
		if a != "*" {
			sub.Allow = append(sub.Allow, "evt.*."+a, "feed."+a+".>")
		}
	}
	return User{Name: name, Password: password, Publish: pub, Subscribe: sub}
}

// controlAll is how every account is halted or resumed at once.
const controlAll = "cmd.control.all.*"

// WithControlAll returns the user with the right to halt and resume every account at once.
func (u User) WithControlAll() User {
	if u.Publish == nil {
		return u
	}
	p := Permissions{Allow: append([]string{controlAll}, u.Publish.Allow...)}
	for _, d := range u.Publish.Deny {
		if d != controlAll {
			p.Deny = append(p.Deny, d)
		}
	}
	u.Publish = &p
	return u
}

// String is the name: a user is printed without its password.
func (u User) String() string { return u.Name }

// GoString is as careful as String.
func (u User) GoString() string { return fmt.Sprintf("natsd.User{Name:%q}", u.Name) }

// LogValue is as careful as String.
func (u User) LogValue() slog.Value { return slog.StringValue(u.Name) }

// checkUsers reports users that could not connect, could be mistaken for another, or could do what they must not.
func checkUsers(users []User) (errs []error) {
	seen := map[string]bool{serviceAccount: true}
	for i, u := range users {
		service := i == 0 && u.Name == serviceName
		switch {
		case !plainName(u.Name):
			errs = append(errs, fmt.Errorf("user %d: name %q is not 1 to %d of [A-Za-z0-9_-]", i, u.Name, maxName))
		case seen[u.Name]:
			errs = append(errs, fmt.Errorf("user %q is named twice or like a user of our own", u.Name))
		case !plainPassword(u.Password):
			errs = append(errs, fmt.Errorf("user %q: password is empty or has characters beside printable ASCII, or quotes", u.Name))
		case !service && (u.Publish == nil || u.Subscribe == nil):
			errs = append(errs, fmt.Errorf("user %q: publish or subscribe permissions are missing; only the service user may do everything", u.Name))
		case !service:
			errs = append(errs, u.checkImports()...)
		}
		seen[u.Name] = true
	}
	return errs
}

// plainName reports whether s can stand for a user and an account in the server's configuration.
func plainName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return s != "" && len(s) <= maxName
}

// plainPassword reports whether s comes through the server's configuration unchanged.
func plainPassword(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '\'' {
			return false
		}
	}
	return s != ""
}

// newPassword draws 26 letters and digits, 128 bits or more.
func newPassword() string { return rand.Text() }
