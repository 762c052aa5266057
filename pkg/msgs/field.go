package msgs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"sluice/pkg/money"
)

// MaxText bounds the free texts of commands (market, outcome, reason), in characters: they are copied into events.
const MaxText = 256

// MaxTimeMS is the last moment that a time can mean, the end of the year 9999: microseconds sent by mistake are beyond it.
const MaxTimeMS = 253_402_300_799_999

// maxWhole is how many digits may stand before the point: twelve, so that every quantity fits 64 bits of micro-units.
const maxWhole = 12

// field is one member of a command's object on its way into the struct. Its methods each read one kind of value.
type field struct {
	name string // with the name of the object around it: "signed.salt"
	raw  []byte
}

func (f field) bad(want, fix string) *Error {
	return newError(BadValue, f.name, "%s is %s, which is not %s", f.name, clip(string(f.raw)), want).fix(fix)
}

// str reads a JSON string that is not empty.
func (f field) str() (string, *Error) {
	if f.raw[0] != '"' {
		return "", f.bad("a string", "write "+f.name+" in quotes, or leave it out")
	}
	s := text(f.raw)
	if s == "" {
		return "", f.bad("a value", "leave "+f.name+" out when there is nothing to say")
	}
	return s, nil
}

// shaped reads a string that valid accepts.
func shaped[T ~string](f field, dst *T, valid func(string) bool, want string) *Error {
	s, err := f.str()
	if err != nil {
		return err
	}
	if !valid(s) {
		return f.bad(want, "give "+want)
	}
	*dst = T(s)
	return nil
}

func idField[T ClientOrderID | RequestID](f field, dst *T) *Error {
	return shaped(f, dst, ValidID, "1 to 64 of the characters A-Z, a-z, 0-9, point, _ and -")
}

func (f field) token(dst *TokenID) *Error {
	return shaped(f, dst, ValidTokenID, "a token id: a string of up to 78 decimal digits without leading zeros")
}

func hashField[T ConditionID | OrderID](f field, dst *T) *Error {
	return shaped(f, dst, ValidHash, "0x and 64 lower-case hex digits")
}

func (f field) hex32(dst *string) *Error {
	return shaped(f, dst, validHex32, "0x and 64 hex digits")
}

func (f field) address(dst *string) *Error {
	return shaped(f, dst, validAddress, "an address: 0x and 40 hex digits")
}

// words reads free text of at most MaxText characters.
func (f field) words(dst *string) *Error {
	fits := func(s string) bool { return utf8.RuneCountInString(s) <= MaxText }
	return shaped(f, dst, fits, fmt.Sprintf("a text of at most %d characters", MaxText))
}

// prefix reads the beginning of a client_order_id, whose alphabet it has.
func (f field) prefix(dst *string) *Error {
	return shaped(f, dst, ValidID, "the beginning of a client_order_id: 1 to 64 of the characters A-Z, a-z, 0-9, point, _ and -")
}

// oneOf reads a string that is among the allowed ones, capitals included.
func oneOf[T ~string](f field, dst *T, allowed ...T) *Error {
	s, err := f.str()
	if err != nil {
		return err
	}
	names := make([]string, len(allowed))
	for i, a := range allowed {
		if string(a) == s {
			*dst = a
			return nil
		}
		names[i] = string(a)
	}
	fix := "use one of " + strings.Join(names, ", ") + ", spelled exactly so"
	if near := nearest(s, names); near != "" {
		fix = "did you mean " + near + "? " + fix
	}
	return f.bad("one of "+strings.Join(names, ", "), fix)
}

func (f field) flag(dst *bool) *Error {
	switch string(f.raw) {
	case "true":
		*dst = true
	case "false":
		*dst = false
	default:
		return f.bad("true or false", "write true or false, without quotes")
	}
	return nil
}

// whole reads a plain integer between two bounds: no point, no exponent, no quotes.
func (f field) whole(dst *int64, least, most int64) *Error {
	v, err := strconv.ParseInt(string(f.raw), 10, 64)
	if err != nil || v < least || v > most || string(f.raw) == "-0" {
		return f.bad(fmt.Sprintf("a whole number from %d to %d", least, most), "write "+f.name+" as a plain integer without quotes, point or exponent")
	}
	*dst = v
	return nil
}

// time reads Unix milliseconds of at least least, which is 0 where 0 has a meaning of its own.
func (f field) time(dst *int64, least int64) *Error {
	if err := f.whole(dst, least, MaxTimeMS); err != nil {
		err.Fix = "write " + f.name + " as Unix milliseconds: a positive integer without quotes, point or exponent"
		return err
	}
	return nil
}

func (f field) unsigned(dst *json.Number) *Error {
	if _, err := strconv.ParseUint(string(f.raw), 10, 64); err != nil {
		return f.bad("a whole number of 64 bits", "write "+f.name+" as a plain non-negative integer without quotes")
	}
	*dst = json.Number(f.raw)
	return nil
}

// decimal reads a quantity: a string of digits with at most one point and six decimals.
func decimal[T money.Micro](f field, dst *T) *Error {
	if c := f.raw[0]; c == '-' || c >= '0' && c <= '9' {
		return newError(NumberNotString, f.name, "%s is the JSON number %s", f.name, clip(string(f.raw))).
			fix(fmt.Sprintf("write it in quotes, as a decimal string: %q: \"%s\"", f.name, clip(string(f.raw))))
	}
	s, err := f.str()
	if err != nil {
		return err
	}
	const example = "write digits and at most one point, as in \"0.52\" or \"100\": no sign, no exponent, no spaces"
	v, perr := money.Parse[T](s)
	whole, _, _ := strings.Cut(s, ".")
	switch {
	case errors.Is(perr, money.ErrDecimals):
		return newError(TooManyDecimals, f.name, "%s is %q, which has more than %d decimals", f.name, clip(s), money.Decimals).
			fix(fmt.Sprintf("round %s to at most %d decimals", f.name, money.Decimals))
	case errors.Is(perr, money.ErrOverflow), perr == nil && len(whole) > maxWhole:
		return f.bad("in range", fmt.Sprintf("at most %d digits may stand before the point", maxWhole))
	case perr != nil:
		return f.bad("a decimal string", example)
	}
	*dst = v
	return nil
}

// quantity is decimal into a field that may be absent.
func quantity[T money.Micro](f field, dst **T) *Error {
	v := new(T)
	if err := decimal(f, v); err != nil {
		return err
	}
	*dst = v
	return nil
}

func (f field) amountOrMax(dst *AmountOrMax) *Error {
	if string(f.raw) == `"max"` {
		*dst = AmountOrMax{Max: true}
		return nil
	}
	return decimal(f, &dst.Amount)
}

// idList reads 1 to MaxCancelIDs ids, none of them twice.
func idList[T ~string](f field, dst *[]T, one func(field, *T) *Error) *Error {
	if f.raw[0] != '[' {
		return f.bad("a list", "write "+f.name+" as a list of strings")
	}
	items := elements(f.raw)
	if len(items) == 0 || len(items) > MaxCancelIDs {
		return newError(BadValue, f.name, "%s has %d ids", f.name, len(items)).
			fix(fmt.Sprintf("give 1 to %d ids in one command", MaxCancelIDs))
	}
	out, seen := make([]T, len(items)), make(map[T]bool, len(items))
	for i, raw := range items {
		if err := one(field{fmt.Sprintf("%s[%d]", f.name, i), raw}, &out[i]); err != nil {
			return err
		}
		if seen[out[i]] {
			return newError(BadValue, f.name, "%s has %s twice", f.name, out[i]).fix("name each id once")
		}
		seen[out[i]] = true
	}
	*dst = out
	return nil
}

// object reads meta: a JSON object, at most MaxMeta bytes as written but for white space.
func (f field) object(dst *json.RawMessage) *Error {
	if f.raw[0] != '{' {
		return f.bad("an object", "write "+f.name+` as an object, as in {"level":1}, or leave it out`)
	}
	var tight bytes.Buffer
	if err := json.Compact(&tight, f.raw); err != nil {
		return f.bad("an object", "write "+f.name+" as an object")
	}
	if tight.Len() > MaxMeta {
		return newError(TooLarge, f.name, "%s has %d bytes", f.name, tight.Len()).
			fix(fmt.Sprintf("keep %s within %d bytes: it is copied into every event about the command", f.name, MaxMeta))
	}
	*dst = tight.Bytes()
	return nil
}

func validHex32(s string) bool { return len(s) == 66 && s[:2] == "0x" && isHex(s[2:]) }

func validAddress(s string) bool { return len(s) == 42 && s[:2] == "0x" && isHex(s[2:]) }

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
			return false
		}
	}
	return true
}

// validDigits reports whether s is a decimal number without sign that fits 63 bits for certain.
func validDigits(s string) bool {
	if len(s) == 0 || len(s) > 18 || len(s) > 1 && s[0] == '0' {
		return false
	}
	return strings.Trim(s, "0123456789") == ""
}

// validUnits is validDigits above zero.
func validUnits(s string) bool { return validDigits(s) && s != "0" }
