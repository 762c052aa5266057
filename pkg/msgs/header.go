package msgs

import "strings"

// maxReplyTo bounds a reply subject, which is copied into events; the inboxes of client libraries have 30 to 80 bytes.
const maxReplyTo = 256

// MsgID is what Nats-Msg-Id must be when a sender sets it: <account>.<verb>.<id>.
func MsgID(a Account, verb, id string) string { return string(a) + "." + verb + "." + id }

// CheckHeaders judges the headers of a command. cmd is what was decoded, or nil when that failed: then only Reply-To can
// be judged. A bad Reply-To must not be answered to.
func CheckHeaders(subject string, headers map[string][]string, cmd Command) *Error {
	if len(headers) == 0 {
		return nil
	}
	if v, there := headers[HeaderReplyTo]; there && (len(v) != 1 || !ValidReplyTo(v[0])) {
		return newError(BadReplyTo, HeaderReplyTo, "the header Reply-To is %q", clip(strings.Join(v, ", "))).
			fix("give one inbox of your connection (" + InboxPrefix + "…), without wildcards, of at most 256 bytes")
	}
	v, there := headers[HeaderMsgID]
	if !there || cmd == nil {
		return nil
	}
	_, a, verb, _ := SplitCmd(subject)
	for _, id := range idsOf(cmd) {
		if len(v) == 1 && v[0] == MsgID(a, verb, id) {
			return nil
		}
	}
	want := MsgID(a, verb, "<id>")
	if ids := idsOf(cmd); len(ids) > 0 {
		want = MsgID(a, verb, ids[0])
	}
	return newError(BadMsgID, HeaderMsgID, "the header Nats-Msg-Id is %q", clip(strings.Join(v, ", "))).
		fix("leave the header out: repeats are recognised by the ids in the payload. If it is set it must be " + want +
			", else the broker would drop other commands as repeats of this one")
}

// idsOf lists the ids that may stand in Nats-Msg-Id.
func idsOf(cmd Command) []string {
	var ids []string
	if id := cmd.ID(); id != "" {
		ids = append(ids, id)
	}
	if c, ok := cmd.(*Cancel); ok && c.OrderID != "" {
		ids = append(ids, string(c.OrderID))
	}
	return ids
}

// ValidReplyTo reports whether s is an inbox: _INBOX. and further tokens, no wildcard, no white space, no control
// character.
func ValidReplyTo(s string) bool {
	if len(s) > maxReplyTo || !strings.HasPrefix(s, InboxPrefix) {
		return false
	}
	for token := range strings.SplitSeq(s[len(InboxPrefix):], ".") {
		if token == "" {
			return false
		}
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '*' || c == '>' {
			return false
		}
	}
	return true
}
