package share

import (
	"net/url"
	"strings"
)

// NameOf is the name of an allowance: the one that is given or, when that is empty, the host of the venue at a base URL. Characters that
// a subject does not hold become _.
func NameOf(given, venue string) string {
	name := given
	if u, err := url.Parse(venue); name == "" && err == nil {
		name = u.Hostname()
	}
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, name)
}
