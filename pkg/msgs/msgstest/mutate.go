package msgstest

import (
	"encoding/json"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// Mutate does one slip to a command, at its top or in one of the objects and lists inside. A slip may leave it good. The object
// is as json.Decoder reads it with UseNumber, and is changed.
func Mutate(r *rand.Rand, o map[string]any) {
	if len(o) == 0 {
		o[pick(r, allNames())] = value(r)
		return
	}
	names := slices.Sorted(maps.Keys(o))
	name := pick(r, names)
	if inner, ok := o[name].(map[string]any); ok && r.IntN(4) > 0 {
		Mutate(r, inner)
		return
	}
	if list, ok := o[name].([]any); ok && r.IntN(4) > 0 {
		o[name] = mutateList(r, list)
		return
	}
	switch r.IntN(10) {
	case 0:
		v := o[name]
		delete(o, name)
		o[misspell(r, name)] = v
	case 1, 2:
		delete(o, name)
	case 3, 4, 5:
		added := pick(r, allNames())
		o[added] = goodOr(r, added)
	case 6:
		o[name] = value(r)
	default:
		o[name] = goodOr(r, name)
	}
}

func mutateList(r *rand.Rand, list []any) []any {
	if len(list) == 0 {
		return []any{value(r)}
	}
	switch r.IntN(5) {
	case 0:
		return []any{}
	case 1:
		return append(list, list[r.IntN(len(list)):]...)
	case 2:
		return append(list, value(r))
	case 3:
		return list[:r.IntN(len(list)+1)]
	}
	for i := range 1000 {
		list = append(list, "id-"+strings.Repeat("x", i%50)+string(rune('a'+i%26)))
	}
	return list
}

// misspell swaps, drops, doubles or changes the case of a letter.
func misspell(r *rand.Rand, name string) string {
	i := r.IntN(max(1, len(name)-1))
	switch r.IntN(4) {
	case 0:
		return name[:i] + name[i+1:]
	case 1:
		return name[:i] + name[i:i+1] + name[i:]
	case 2:
		return strings.ToUpper(name[:i+1]) + name[i+1:]
	}
	return strings.ReplaceAll(name, "_", "")
}

// goodOr is a value that fits the name in two cases of three.
func goodOr(r *rand.Rand, name string) any {
	if good, ok := goodFor()[name]; ok && r.IntN(3) > 0 {
		return pick(r, good)
	}
	return value(r)
}

func value(r *rand.Rand) any { return pick(r, oddities()) }

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

func num(s string) json.Number { return json.Number(s) }

const (
	token = "71321045679252212594626385532706912750332728571942532289631379312455583992563"
	hash  = "0xbd31dc8a20211944f6b70f31557f1001557b59905b7738480ca09bd4532f84af"
)

// oddities are values of every kind and shape, most of them wrong in most places.
func oddities() []any {
	return []any{
		nil, true, false, "", " ", "x", "BUY", "buy", "SELL", "GTC", "gtc", "GTD", "FOK", "FAK", "IOC", "max", "trading", "high", "Total",
		"0", "1", "0.0", "0.5", "00.5", ".5", "5.", "0.123456", "0.1234567", "1.500000", "1.050000", "1.005", "-1", "+1", "1e3", "0x10", " 1", "1 ", "1\n", "1,5", "٣", "∞", "NaN",
		"999999999999", "9999999999999", "999999999999.999999", "99999999999999999999", "0.999999", "0.000001", "000000000000.5", "0000000000000.5",
		num("0"), num("1"), num("2"), num("-1"), num("1.5"), num("1.0"), num("1e3"), num("-0"), num("0.52"), num("1763800000123"), num("253402300799"),
		num("253402300800"), num("253402300799999"), num("253402300800000"), num("9223372036854775807"), num("9223372036854775808"), num("18446744073709551615"), num("18446744073709551616"),
		token, "0" + token, token + "1", token + "12", hash, strings.ToUpper(hash), hash[:65], hash + "0", hash[2:], "0X" + hash[2:],
		"0x6e0c80c90ea6c15917308f820eac91ce2724b5b5", "0x6E0c80c90ea6c15917308f820eac91ce2724b5b5", "0x6e0c80c90ea6c15917308f820eac91ce2724b5b",
		strings.Repeat("a", 64), strings.Repeat("a", 65), strings.Repeat("ä", 256), strings.Repeat("ä", 257), "a b", "a/b", "ä", "a\x00b", "0x00", "0x0", "0x" + strings.Repeat("00", 2048), "0x" + strings.Repeat("00", 2049),
		[]any{}, []any{"a"}, []any{"a", "a"}, []any{"a", num("1")}, []any{hash}, []any{nil}, map[string]any{}, map[string]any{"a": num("1.5")}, map[string]any{"salt": num("1")},
	}
}

// goodFor are values that a field may take by itself; whether they fit the rest is for the rules to say.
func goodFor() map[string][]any {
	return map[string][]any{
		"v": {num("0"), num("1")}, "sent_ms": {num("1"), num("1763800000123")}, "meta": {map[string]any{}, map[string]any{"a": []any{num("1.5"), nil}}},
		"client_order_id": {"mm1-01", "a", strings.Repeat("Z", 64), "_.-"}, "request_id": {"r-1", "arb-77"},
		"token_id": {token, "1", "7"}, "market": {"sandbox-coin", hash, "ä b"}, "outcome": {"Yes", "No"},
		"side": {"BUY", "SELL"}, "type": {"GTC", "GTD", "FOK", "FAK"},
		"price": {"0.52", "0.520000", "0.000001", "00.5"}, "max_slippage": {"0.02", "0.9"},
		"size": {"100", "0.01", "1.500000", "999999999999.99"}, "amount": {"25.5", "1", "max", "0.000001"},
		"expires_ms": {num("1763803600000"), num("1")}, "expiration": {num("0"), num("1763803600")}, "post_only": {true, false}, "defer_exec": {true, false},
		"valid_until_ms": {num("0"), num("1763803600000")}, "builder": {hash, "0x" + strings.ToUpper(hash[2:])}, "fee_rate_bps": {num("0"), num("1000")}, "nonce": {num("0")},
		"order_id": {hash}, "client_order_ids": {[]any{"a", "b"}}, "order_ids": {[]any{hash}}, "prefix": {"mm1-"}, "replaces": {"mm1-00", "a"}, "size_is": {"total", "new"},
		"reason": {"drawdown"}, "cancel": {true, false}, "condition_id": {hash}, "urgency": {"high", "normal", "low"}, "deadline_ms": {num("1763803600000")},
		"allow_held": {true, false}, "set": {"trading"}, "asset": {"pUSD", "USDC.e"}, "to": {"0x6e0c80c90ea6c15917308f820eac91ce2724b5b5"}, "cancels": {"c-1", "arb-77"},
		"salt": {num("1"), num("18446744073709551615")}, "tokenId": {token, "7"}, "makerAmount": {"1", "999999999999999999"}, "signatureType": {num("0"), num("3")}, "signature": {"0x00"}, "timestamp": {"0", "1"},
	}
}

func allNames() []string { return slices.Sorted(maps.Keys(goodFor())) }

// Slips are copies of a command with exactly one thing wrong, whatever the command, each with a word for what it is.
func Slips(o map[string]any) iter.Seq2[string, map[string]any] {
	return func(yield func(string, map[string]any) bool) {
		for _, name := range slices.Sorted(maps.Keys(o)) {
			for what, wrong := range wrongFor(name, o[name]) {
				bad := Clone(o)
				bad[name] = wrong
				if !yield(name+" "+what, bad) {
					return
				}
			}
			misspelt := Clone(o)
			delete(misspelt, name)
			misspelt[name+name[:1]] = o[name]
			if !yield(name+" misspelt", misspelt) {
				return
			}
			capital := Clone(o)
			delete(capital, name)
			capital[strings.ToUpper(name[:1])+name[1:]] = o[name]
			if !yield(name+" with a capital", capital) {
				return
			}
		}
		unknown := Clone(o)
		unknown["post_olny"] = true
		yield("an unknown field", unknown)
	}
}

// wrongFor are values that no field of this one's kind may take.
func wrongFor(name string, good any) map[string]any {
	wrong := map[string]any{"null": nil}
	switch good := good.(type) {
	case string:
		wrong["empty"], wrong["number"], wrong["too long"] = "", num("1"), strings.Repeat("1", 300)
		switch name {
		case "client_order_id", "request_id", "replaces", "cancels":
			wrong["with a blank"], wrong["65 long"] = good+" x", strings.Repeat("x", 65)
		case "price", "size", "amount", "max_slippage":
			wrong["7 decimals"], wrong["negative"], wrong["exponent"], wrong["zero"], wrong["comma"] = "0.1234567", "-0.5", "5e-1", "0", "0,5"
		case "side", "type", "urgency", "set", "asset", "size_is":
			wrong["lower case"], wrong["unknown"] = swapCase(good), "SOMETHING"
		}
	case json.Number:
		wrong["quoted"], wrong["half"], wrong["negative"], wrong["huge"] = good.String(), num("1.5"), num("-1"), num("99999999999999999999")
	case bool:
		wrong["quoted"], wrong["number"] = "true", num("1")
	case []any:
		wrong["none"], wrong["twice"], wrong["no list"] = []any{}, append(slices.Clone(good), good[0]), "a"
	case map[string]any:
		wrong["list"], wrong["text"] = []any{}, "x"
	}
	return wrong
}

func swapCase(s string) string {
	if lower := strings.ToLower(s); lower != s {
		return lower
	}
	return strings.ToUpper(s)
}

// Clone is a command that can be changed without changing o.
func Clone(o map[string]any) map[string]any {
	out := maps.Clone(o)
	for k, v := range out {
		switch v := v.(type) {
		case map[string]any:
			out[k] = Clone(v)
		case []any:
			out[k] = slices.Clone(v)
		}
	}
	return out
}
