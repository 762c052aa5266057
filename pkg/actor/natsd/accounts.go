package natsd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// serviceAccount is the NATS account of the services: streams, the JetStream API and everything they say to each
// other live there.
const serviceAccount = "SLUICE"

// exports are the subjects that the services' account offers to others, by the side that starts.
//
// Why accounts and not permissions alone: a permission looks at the subject of a publish, never at its reply
// subject. In one shared account a strategy may send an allowed request with the reply subject "evt.order.main", and
// the broker's acknowledgement, or the answer of a service that may do everything, is appended to the log; with
// "$JS.API.STREAM.DELETE.LOG_main" an empty answer deletes it. (Tried; both happen.) Between accounts the broker
// replaces the reply subject by one of its own, and the answer ends in the asker's account, where nothing listens
// but the asker.
func exports() (asked, heard []string) {
	return []string{"cmd.>", "svc.>"}, []string{"evt.>", "feed.>", "md.>", "ref.>", "dead.>", "_INBOX.>"}
}

// The configuration file of nats-server, as far as we write it. JSON is a subset of its format.
type (
	confFile struct {
		Accounts   map[string]confAccount `json:"accounts"`
		NoAuthUser string                 `json:"no_auth_user,omitempty"`
	}
	confAccount struct {
		JetStream string       `json:"jetstream,omitempty"`
		Users     []confUser   `json:"users"`
		Exports   []confExport `json:"exports,omitempty"`
		Imports   []confImport `json:"imports,omitempty"`
	}
	confUser struct {
		User        string           `json:"user"`
		Password    string           `json:"password"`
		Permissions *confPermissions `json:"permissions,omitempty"`
	}
	confPermissions struct {
		Publish   Permissions `json:"publish"`
		Subscribe Permissions `json:"subscribe"`
	}
	confExport struct {
		Service string `json:"service,omitempty"`
		Stream  string `json:"stream,omitempty"`
	}
	confImport struct {
		Service *confSource `json:"service,omitempty"`
		Stream  *confSource `json:"stream,omitempty"`
		To      string      `json:"to,omitempty"`
	}
	confSource struct {
		Account string `json:"account"`
		Subject string `json:"subject"`
	}
)

// AccountsConfig writes the accounts and users of cfg in the configuration format of nats-server, for a server that
// is not embedded (nats.conf: include "accounts.conf"). cfg needs Users, Anonymous, ServicePassword and Stored only.
// It contains the passwords in clear.
func AccountsConfig(cfg Config) (string, error) {
	if errs := checkUsers(append([]User{ServiceUser(cfg.ServicePassword)}, cfg.Users...)); len(errs) > 0 {
		return "", fmt.Errorf("check users: %w", errs[0])
	}
	file := confFile{Accounts: map[string]confAccount{}, NoAuthUser: cfg.Anonymous}
	file.Accounts[serviceAccount] = serviceConf(cfg)
	for _, u := range cfg.Users {
		file.Accounts[u.Name] = u.conf(cfg.Stored)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // ">" is part of subjects
	e.SetIndent("", "  ")
	if err := e.Encode(file); err != nil {
		return "", fmt.Errorf("encode accounts: %w", err)
	}
	return b.String(), nil
}

// serviceConf is the services' account with its one user, who has no limits.
func serviceConf(cfg Config) confAccount {
	a := confAccount{JetStream: "enabled", Users: []confUser{{User: serviceName, Password: cfg.ServicePassword}}}
	asked, heard := exports()
	for _, s := range asked {
		a.Exports = append(a.Exports, confExport{Service: s})
	}
	for _, s := range heard {
		a.Exports = append(a.Exports, confExport{Stream: stored(cfg.Stored, s)})
	}
	return a
}

// conf is the user's own account, joined to the services' by exactly what the user is allowed. The permissions stand
// beside the imports, so that a forbidden subject is an error that the user sees and not just silence.
func (u User) conf(prefix string) confAccount {
	a := confAccount{Users: []confUser{{User: u.Name, Password: u.Password, Permissions: &confPermissions{*u.Publish, *u.Subscribe}}}}
	for _, s := range widest(u.Publish.Allow) {
		a.Imports = append(a.Imports, confImport{Service: &confSource{serviceAccount, s}})
	}
	for _, s := range widest(u.Subscribe.Allow) {
		i := confImport{Stream: &confSource{serviceAccount, stored(prefix, s)}}
		if i.Stream.Subject != s {
			i.To = s
		}
		a.Imports = append(a.Imports, i)
	}
	return a
}

// stored is where the services' account says what is heard elsewhere as subject: the same, or for what is first
// put on disk under the prefix that the streams republish to.
func stored(prefix, subject string) string {
	if prefix != "" && (strings.HasPrefix(subject, "evt.") || strings.HasPrefix(subject, "feed.")) {
		return prefix + "." + subject
	}
	return subject
}

// widest drops every subject that another one covers: of two imports that match the same message, both deliver it.
func widest(subjects []string) []string {
	var out []string
	for i, s := range subjects {
		covered := func(o string) bool { return o != s && covers(o, s) }
		if !slices.ContainsFunc(subjects, covered) && !slices.Contains(subjects[:i], s) {
			out = append(out, s)
		}
	}
	return out
}

// covers reports whether every subject that narrow matches is matched by wide.
func covers(wide, narrow string) bool {
	w, n := strings.Split(wide, "."), strings.Split(narrow, ".")
	for i, tok := range w {
		switch {
		case tok == ">":
			return len(n) > i
		case i >= len(n) || n[i] == ">" || (tok != "*" && tok != n[i]):
			return false
		}
	}
	return len(w) == len(n)
}

// checkImports reports allowed subjects that lead nowhere, or twice to the same place.
func (u User) checkImports() (errs []error) {
	asked, heard := exports()
	for _, side := range []struct {
		what            string
		offered, wanted []string
	}{{"publish", asked, u.Publish.Allow}, {"subscribe", heard, u.Subscribe.Allow}} {
		wide := widest(side.wanted)
		for i, s := range wide {
			leads := func(o string) bool { return server.IsValidSubject(s) && covers(o, s) }
			if !slices.ContainsFunc(side.offered, leads) {
				errs = append(errs, fmt.Errorf("user %q: allowed to %s %q, but only %v lead to the services", u.Name, side.what, s, side.offered))
			}
			for _, o := range wide[:i] {
				if server.SubjectsCollide(o, s) {
					errs = append(errs, fmt.Errorf("user %q: allowed to %s %q and %q, which overlap: messages would come twice", u.Name, side.what, o, s))
				}
			}
		}
	}
	return errs
}
