package msgs

import (
	"bytes"
	"slices"

	"sluice/pkg/money"
)

// The quick way of a submit. Every order passes it, and between two orders the caches grow cold: what counts is how little runs.
// It takes what nearly every sender writes, in one walk over the bytes, and gives up at anything else, wrong or merely rare,
// without a word: the general way then judges it alone. What it takes, the general way takes as the same command.

const (
	quickMost  = 2048 // bytes of a submit that may go the quick way: twice what meta may have; no honest one has more
	quickPairs = 8    // members of a meta, which are compared pairwise
)

// quick decodes a submit into c, which is empty. When it gives up, c is empty again.
func (c *Submit) quick(data []byte) bool {
	if len(data) <= quickMost && c.walk(&walk{b: data}) {
		return true
	}
	*c = Submit{}
	return false
}

func (c *Submit) walk(w *walk) bool {
	seen, ok := quickField(0), w.opens('{')
	for ok {
		name, there := w.text()
		if !there || !w.opens(':') {
			return false
		}
		w.space()
		f := c.quickly(name, w)
		if f == 0 || seen&f != 0 {
			return false
		}
		seen |= f
		ok = w.opens(',')
	}
	return seen&quickRequired == quickRequired && w.opens('}') && w.atEnd()
}

// quickField has a bit for each field that the quick way knows; zero for what it does not take.
type quickField uint32

const (
	quickID quickField = 1 << iota
	quickToken
	quickMarket
	quickOutcome
	quickSide
	quickType
	quickPrice
	quickSlippage
	quickSize
	quickAmount
	quickExpires
	quickPostOnly
	quickValidUntil
	quickV
	quickSent
	quickMeta

	quickRequired = quickID | quickType
)

// quickly reads the value that the walk stands at, and says of which field it is.
func (c *Submit) quickly(name []byte, w *walk) quickField {
	switch string(name) {
	case "client_order_id":
		return took(quickID, quickText(w, &c.ClientOrderID) && ValidID(string(c.ClientOrderID)))
	case "token_id":
		return took(quickToken, quickText(w, &c.TokenID) && ValidTokenID(string(c.TokenID)))
	case "side":
		return took(quickSide, quickOneOf(w, &c.Side, Buy, Sell))
	case "type":
		return took(quickType, quickOneOf(w, &c.Type, GTC, GTD, FOK, FAK))
	case "price":
		return took(quickPrice, quickDecimal(w, &c.Price))
	case "size":
		return took(quickSize, quickDecimal(w, &c.Size))
	case "sent_ms":
		return took(quickSent, w.whole(&c.SentMS, 1, MaxTimeMS))
	case "post_only":
		return took(quickPostOnly, w.flag(&c.PostOnly))
	case "valid_until_ms":
		c.ValidUntilMS = new(int64)
		return took(quickValidUntil, w.whole(c.ValidUntilMS, 0, MaxTimeMS))
	case "meta":
		var ok bool
		c.Meta, ok = w.meta()
		return took(quickMeta, ok)
	}
	return c.quicklyRest(name, w)
}

func (c *Submit) quicklyRest(name []byte, w *walk) quickField {
	switch string(name) {
	case "v":
		v := int64(0)
		ok := w.whole(&v, 0, 1)
		c.V = int(v)
		return took(quickV, ok)
	case "market":
		return took(quickMarket, quickText(w, &c.Market) && len(c.Market) <= MaxText)
	case "outcome":
		return took(quickOutcome, quickText(w, &c.Outcome) && len(c.Outcome) <= MaxText)
	case "max_slippage":
		return took(quickSlippage, quickDecimal(w, &c.MaxSlippage))
	case "amount":
		return took(quickAmount, quickDecimal(w, &c.Amount))
	case "expires_ms":
		return took(quickExpires, w.whole(&c.ExpiresMS, 1, MaxTimeMS))
	}
	return 0
}

func took(f quickField, ok bool) quickField {
	if !ok {
		return 0
	}
	return f
}

func quickText[T ~string](w *walk, dst *T) bool {
	s, ok := w.text()
	*dst = T(s)
	return ok && len(s) > 0
}

func quickOneOf[T ~string](w *walk, dst *T, allowed ...T) bool {
	s, ok := w.text()
	for _, a := range allowed {
		if string(s) == string(a) {
			*dst = a
			return ok
		}
	}
	return false
}

func quickDecimal[T money.Micro](w *walk, dst **T) bool {
	const longest = maxWhole + 1 + money.Decimals
	s, ok := w.text()
	if !ok || len(s) > longest {
		return false
	}
	if point := bytes.IndexByte(s, '.'); point > maxWhole || point < 0 && len(s) > maxWhole {
		return false
	}
	v, err := money.Parse[T](string(s))
	*dst = new(v)
	return err == nil
}

// walk is a place in a message. Its methods go on behind what they read; once one has not, the walk is over.
type walk struct {
	b []byte
	i int
}

func (w *walk) space() {
	for w.i < len(w.b) && isSpace(w.b[w.i]) {
		w.i++
	}
}

// opens goes behind a sign, over white space before it. Where it is not, the walk stays.
func (w *walk) opens(sign byte) bool {
	w.space()
	if w.i == len(w.b) || w.b[w.i] != sign {
		return false
	}
	w.i++
	return true
}

func (w *walk) atEnd() bool {
	w.space()
	return w.i == len(w.b)
}

// text reads a string of printable ASCII without escapes.
func (w *walk) text() ([]byte, bool) {
	if !w.opens('"') {
		return nil, false
	}
	rest := w.b[w.i:]
	for i, c := range rest {
		if c == '"' {
			w.i += i + 1
			return rest[:i], true
		}
		if c < ' ' || c > '~' || c == '\\' {
			return nil, false
		}
	}
	return nil, false
}

// whole reads a plain integer between two bounds, of at most 18 digits, which always fit. What stands behind it is for the
// caller to see: one more digit, a point or an exponent is neither comma nor brace.
func (w *walk) whole(dst *int64, least, most int64) bool {
	const longest = 18
	start, v := w.i, int64(0)
	for ; w.i < len(w.b) && w.i-start < longest && w.b[w.i] >= '0' && w.b[w.i] <= '9'; w.i++ {
		v = 10*v + int64(w.b[w.i]-'0')
	}
	*dst = v
	n := w.i - start
	return n > 0 && (n == 1 || w.b[start] != '0') && v >= least && v <= most
}

func (w *walk) flag(dst *bool) bool {
	*dst = w.word("true")
	return *dst || w.word("false")
}

func (w *walk) word(s string) bool {
	if len(w.b)-w.i < len(s) || string(w.b[w.i:w.i+len(s)]) != s {
		return false
	}
	w.i += len(s)
	return true
}

// pair is a name and a value of an object as they stand in it, the name without its quotes.
type pair struct{ name, value []byte }

// pairs reads an object of at most quickPairs plain values into a list, no name twice.
func (w *walk) pairs(into []pair) ([]pair, bool) {
	if !w.opens('{') {
		return nil, false
	}
	if w.opens('}') {
		return into, true
	}
	for more := true; more; more = w.opens(',') {
		name, ok := w.text()
		if !ok || len(into) == quickPairs || slices.ContainsFunc(into, func(p pair) bool { return bytes.Equal(p.name, name) }) || !w.opens(':') {
			return nil, false
		}
		w.space()
		start := w.i
		if !w.plain() {
			return nil, false
		}
		into = append(into, pair{name, w.b[start:w.i]})
	}
	return into, w.opens('}')
}

// plain passes a text, a number without exponent, true, false or null.
func (w *walk) plain() bool {
	switch {
	case w.i == len(w.b):
		return false
	case w.b[w.i] == '"':
		_, ok := w.text()
		return ok
	case w.word("true"), w.word("false"), w.word("null"):
		return true
	}
	whole := w.i
	w.word("-")
	start := w.i
	if n := w.digits(); n == 0 || n > 1 && w.b[start] == '0' {
		return false
	}
	return (!w.word(".") || w.digits() > 0) && w.i-whole <= maxNumber
}

func (w *walk) digits() int {
	start := w.i
	for w.i < len(w.b) && w.b[w.i] >= '0' && w.b[w.i] <= '9' {
		w.i++
	}
	return w.i - start
}

// meta reads a plain object, and gives it without white space.
func (w *walk) meta() ([]byte, bool) {
	start := w.i
	var room [quickPairs]pair
	object, ok := w.pairs(room[:0])
	if !ok || w.i-start > MaxMeta {
		return nil, false
	}
	return written(make([]byte, 0, w.i-start), object), true
}

// written appends an object of those pairs.
func written(b []byte, object []pair) []byte {
	b = append(b, '{')
	for i, p := range object {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(append(b, '"'), p.name...), '"', ':'), p.value...)
	}
	return append(b, '}')
}
