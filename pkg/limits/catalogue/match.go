package catalogue

import (
	"slices"
	"strings"
	"unicode"
)

// Endpoint is what a request asks for: the API (a host), the method and the path, which may be a template.
type Endpoint struct{ API, Method, Path string }

func (e Endpoint) String() string { return e.API + " " + e.Method + " " + e.Path }

// ParseEndpoint reads "POST /order" or "gamma GET /markets"; without an API it belongs to the given one.
func ParseEndpoint(s, api string) Endpoint {
	f := strings.Fields(s)
	if len(f) > 0 && !isMethod(f[0]) {
		api, f = f[0], f[1:]
	}
	switch len(f) {
	case 0:
		return Endpoint{API: api}
	case 1:
		return Endpoint{API: api, Method: f[0]}
	}
	return Endpoint{api, f[0], strings.Join(f[1:], " ")}
}

// isMethod tells a method, which is in capitals, from the name of an API, which is not.
func isMethod(word string) bool {
	return word == "*" || strings.ToUpper(word) == word && strings.IndexFunc(word, unicode.IsLetter) >= 0
}

// pattern is an endpoint with wildcards, and what a request of it costs.
type pattern struct {
	api, method, path string // "*": any
	cost              Charge
}

// parsePattern reads "*", "clob *", "GET *", "POST /order", "gamma GET /markets", "* /v3/*".
func parsePattern(s, api string) (p pattern, ok bool) {
	f := strings.Fields(s)
	switch {
	case s == "*":
		return pattern{api: "*", method: "*", path: "*"}, true
	case len(f) > 0 && !isMethod(f[0]):
		api, f = f[0], f[1:]
	}
	switch {
	case len(f) == 1 && f[0] == "*":
		return pattern{api: api, method: "*", path: "*"}, true
	case len(f) == 2:
		return pattern{api: api, method: f[0], path: f[1]}, api != ""
	}
	return pattern{}, false
}

func (p pattern) matches(e Endpoint) bool {
	return (p.api == "*" || p.api == e.API) && (p.method == "*" || p.method == e.Method) && matchPath(p.path, e.Path)
}

// matchPath compares segment by segment: {name} stands for any one segment, on both sides, and a last * for all that follow.
func matchPath(pattern, path string) bool {
	for {
		if pattern == "*" {
			return true
		}
		var a, b string
		var more, left bool
		a, pattern, more = strings.Cut(pattern, "/")
		b, path, left = strings.Cut(path, "/")
		if a != b && (!isParameter(a) || b == "") && !isParameter(b) {
			return false
		}
		if !more || !left {
			return more == left
		}
	}
}

func isParameter(segment string) bool { return strings.HasPrefix(segment, "{") }

// Cost is what a request of an endpoint costs under this rule; ok is false when the rule is not for it. What is written out
// goes before a pattern, and of several patterns the first counts.
func (r *Rule) Cost(e Endpoint) (c Charge, ok bool) {
	for _, p := range r.patterns {
		switch {
		case p.api == e.API && p.method == e.Method && p.path == e.Path:
			return p.cost, true
		case !ok && p.matches(e):
			c, ok = p.cost, true
		}
	}
	return c, ok
}

// Knows reports whether some rule is for an endpoint as such, or for all of its API where no endpoint of that is told apart. Of an
// endpoint that is not known only rules count that are for everything; it may be a slip of the pen.
func (p *Profile) Knows(e Endpoint) bool {
	whole, parts := false, false
	for _, r := range p.Rules {
		for _, q := range r.patterns {
			switch {
			case q.path != "*" && q.matches(e):
				return true
			case q.api == e.API:
				whole, parts = whole || q.path == "*", parts || q.path != "*"
			}
		}
	}
	return whole && !parts
}

// Width is how much a rule is for: 1 for endpoints, more for patterns of them.
func (r *Rule) Width() int {
	width := 1
	for _, p := range r.patterns {
		switch {
		case p.api == "*":
			return 4
		case p.method == "*" && p.path == "*":
			width = max(width, 3)
		case p.wild():
			width = max(width, 2)
		}
	}
	return width
}

func (p pattern) wild() bool { return p.method == "*" || strings.HasSuffix(p.path, "*") }

// Endpoints are those that a profile names; for a pattern one that stands for all that nothing else names.
func (p *Profile) Endpoints() (out []Endpoint) {
	for _, r := range p.Rules {
		for _, q := range r.patterns {
			e := Endpoint{q.api, q.method, q.path}
			if !slices.Contains(out, e) {
				out = append(out, e)
			}
		}
	}
	return out
}
