package polymarket

import "fmt"

// RelayerState is the state of a relayer transaction ("STATE_CONFIRMED"), out of the answer to POST /submit (one object) or
// GET /transaction (an array of none or one). It is "" while the relayer does not know the transaction yet.
func RelayerState(body []byte) (string, error) {
	v, ok := readJSON(body)
	if !ok || !v.isObject() && !v.isArray() {
		return "", fmt.Errorf("read relayer state: %w: body %s", ErrNotUnderstood, quoteBody(body))
	}
	for e := range v.items() {
		v = e
		break
	}
	for k, f := range v.fields() {
		if string(k) == "state" {
			return f.text(), nil
		}
	}
	if v.isObject() {
		return "", fmt.Errorf("read relayer state: %w: body %s", ErrNotUnderstood, quoteBody(body))
	}
	return "", nil
}
