package msgs

import (
	"fmt"
	"slices"
	"strings"
)

// DecodeCommand decodes what was published on a command subject, strictly: at most MaxCommand bytes, one JSON object in
// UTF-8, names exact and once, every value of its type and shape, every required field there. What fields must or must
// not stand together is judged by the command's Check, which the caller asks next. The account of a known verb may still
// be one that nobody runs: that is the caller's to know.
func DecodeCommand(subject string, data []byte) (Command, *Error) {
	family, account, verb, ok := SplitCmd(subject)
	if !ok {
		return nil, newError(UnknownVerb, "", "the subject %q is not cmd.<family>.<account>.<verb>", clip(subject)).
			fix("publish on one of the subjects of the contract, for example cmd.order.main.submit")
	}
	if !ValidAccount(string(account)) && !(account == AllAccounts && family == FamilyControl) {
		return nil, newError(UnknownAccount, "", "%q cannot be the name of an account", clip(string(account))).
			fix("use the short name from the configuration: 1–32 of a-z, 0-9, _ and -")
	}
	c := NewCommand(family, verb)
	if c == nil {
		return nil, newError(UnknownVerb, "", "%s has no verb %q", clip("cmd."+family), clip(verb)).
			fix("use one of: " + strings.Join(verbsOf(family), ", "))
	}
	if err := decodeInto(c, data); err != nil {
		return nil, err
	}
	return c, nil
}

// verbsOf lists the verbs of a family, or the families' verbs when there is no such family.
func verbsOf(family string) []string {
	var all, own []string
	for _, r := range Table() {
		if r.Class != ClassCommand || strings.HasPrefix(r.Subject, "cmd.control.all") {
			continue
		}
		t := strings.Split(r.Subject, ".")
		all = append(all, t[1]+" "+t[3])
		if t[1] == family {
			own = append(own, t[3])
		}
	}
	if own != nil {
		return own
	}
	return all
}

func decodeInto(c Command, data []byte) *Error {
	if len(data) > MaxCommand {
		return newError(TooLarge, "", "the command has %d bytes", len(data)).
			fix(fmt.Sprintf("send at most %d bytes; split long lists into several commands", MaxCommand))
	}
	if s, ok := c.(*Submit); ok && s.quick(data) {
		return nil
	}
	return decodeWhole(c, data)
}

// decodeWhole is the general way, which alone finds and says what is wrong.
func decodeWhole(c Command, data []byte) *Error {
	object, err := oneObject(data)
	if err != nil {
		return newError(BadJSON, "", "the message cannot be read: %v", err).
			fix("send exactly one JSON object in UTF-8, each field once, nothing after it")
	}
	if err := decodeFields(c, "", object, c.set, c.required()); err != nil {
		return err
	}
	if s, ok := c.(*Submit); ok && s.ExpiresMS == 0 {
		s.ExpiresMS = s.Expiration * 1000 // the older spelling of the same thing
	}
	return nil
}

// decodeFields hands each member to set, and then asks whether the required ones were there. within is the name of the
// field that holds the object, empty at the top.
func decodeFields(of any, within string, object []member, set func(field) (bool, *Error), required []string) *Error {
	for _, m := range object {
		known, err := set(field{name: within + m.name, raw: m.raw})
		if err != nil {
			return err
		}
		if !known {
			return unknownField(of, within, m.name)
		}
	}
	for _, name := range required {
		if !slices.ContainsFunc(object, func(m member) bool { return m.name == name }) {
			return missing(within + name)
		}
	}
	return nil
}

func unknownField(of any, within, name string) *Error {
	known := FieldNames(of)
	e := newError(UnknownField, within+clip(name), "there is no field %q", within+clip(name))
	if within == "signed." && name == "owner" {
		return e.fix("leave owner out: it is the API key that posts, and Sluice puts in its own")
	}
	if near := nearest(name, known); near != "" {
		return e.fix("did you mean " + near + "? Names are case-sensitive, and unknown ones are refused so that a slip cannot change an order")
	}
	return e.fix("leave it out, or put it into meta; the fields are: " + strings.Join(known, ", "))
}

func missing(name string) *Error {
	return newError(MissingField, name, "the field %q is missing", name).fix("give " + name)
}

// newError is an Error still without its fix.
func newError(code Code, field, format string, args ...any) *Error {
	return &Error{Code: code, Field: field, Cause: fmt.Sprintf(format, args...)}
}

// fix says what to do about it, and gives the error back.
func (e *Error) fix(s string) *Error {
	e.Fix = s
	return e
}
