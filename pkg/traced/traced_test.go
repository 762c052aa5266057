package traced

import (
	"net/http"
	"testing"
)

type silent struct{}

func (silent) RoundTrip(*http.Request) (*http.Response, error) { return nil, http.ErrAbortHandler }

type wraps struct {
	silent
	in http.RoundTripper
}

func (w wraps) Unwrap() http.RoundTripper { return w.in }

// Only what ends in the standard library's transport, by wrappers that all say so, is taken for one that tells.
func TestOnlyWhatIsKnownToTellIsTrusted(t *testing.T) {
	std := &http.Transport{}
	for name, c := range map[string]struct {
		by    http.RoundTripper
		tells bool
	}{
		"the default":           {nil, true},
		"the standard":          {std, true},
		"a wrapper of it":       {wraps{in: std}, true},
		"two of them":           {wraps{in: wraps{in: std}}, true},
		"an unknown one":        {silent{}, false},
		"a wrapper of that":     {wraps{in: silent{}}, false},
		"a wrapper of nobody":   {wraps{}, false},
		"one that hides within": {struct{ http.RoundTripper }{std}, false},
	} {
		if By(c.by) != c.tells {
			t.Errorf("%s is taken to tell: %t", name, !c.tells)
		}
	}
}
