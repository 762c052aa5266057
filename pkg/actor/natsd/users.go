package natsd

import (
	"crypto/rand"
	"fmt"
	"log/slog"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	// serviceName is the user that services connect as.
	serviceName = "service"

	// serviceInbox is where answers to services arrive. Strategies may listen to all of _INBOX., because clients
	// of every language put their answers there; a service's answers carry other accounts' commands, so they go
	// elsewhere.
	serviceInbox = "_SERVICE"
)

// User is someone who may connect. A nil permission allows everything.
type User struct {
	Name, Password     string
	Publish, Subscribe *Permissions
}

// Permissions lists subjects, wildcards included. What Deny matches is refused even if Allow matches it.
type Permissions struct {
	Allow, Deny []string
}

// ServiceUser is the user of our own services: it may do everything.
func ServiceUser(password string) User {
	return User{Name: serviceName, Password: password}
}

// StrategyUser may send commands for the named accounts, ask the services about them, and hear what happens to
// them, besides all market data; with no account named, for every account. It cannot write events, feeds or market
// data, and cannot use the JetStream API. Of a command sent as a request it gets the broker's acknowledgement.
// "cmd.control.all" is refused until [User.WithControlAll].
func StrategyUser(name, password string, accounts ...string) User {
	if len(accounts) == 0 {
		accounts = []string{"*"}
	}
	pub := &Permissions{Allow: []string{"svc.ingest.*"}, Deny: []string{controlAll}}
	sub := &Permissions{Allow: []string{"md.>", "ref.>", "dead.>", "_INBOX.>"}}
	for _, a := range accounts {
		pub.Allow = append(pub.Allow, "cmd.order."+a+".*", "cmd.control."+a+".*", "cmd.tx."+a+".*", "svc.*."+a+".*")
		sub.Allow = append(sub.Allow, "evt.*."+a, "feed."+a+".>")
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

// native translates to the library's terms.
func (u User) native() *server.User {
	p := &server.Permissions{Publish: u.Publish.native(), Subscribe: u.Subscribe.native()}
	return &server.User{Username: u.Name, Password: u.Password, Permissions: p}
}

// native translates to the library's terms. An empty list of allowed subjects would mean "everything" there.
func (p *Permissions) native() *server.SubjectPermission {
	if p == nil {
		return nil
	}
	s := &server.SubjectPermission{Allow: p.Allow, Deny: p.Deny}
	if len(s.Allow) == 0 {
		s.Allow, s.Deny = nil, []string{">"}
	}
	return s
}

// checkUsers reports users that could not connect or could be mistaken for another.
func checkUsers(users []User) (errs []error) {
	seen := map[string]bool{serviceName: true}
	for i, u := range users {
		switch {
		case u.Name == "":
			errs = append(errs, fmt.Errorf("user %d has no name", i))
		case seen[u.Name]:
			errs = append(errs, fmt.Errorf("user %q is named twice, or like the service user", u.Name))
		case u.Password == "":
			errs = append(errs, fmt.Errorf("user %q has no password", u.Name))
		}
		seen[u.Name] = true
	}
	return errs
}

// newPassword draws 26 letters and digits, 128 bits or more.
func newPassword() string { return rand.Text() }
