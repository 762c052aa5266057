package msgs

import (
	"bytes"
	"encoding/json"
)

// PeekID recovers the ids of a command that was refused, however broken, so that the event about it can name them. It
// looks at the first MaxCommand bytes. In what is JSON only the object's own names count; in what is not, the name
// followed by something that can be an id is enough. Either may be empty.
func PeekID(data []byte) (ClientOrderID, RequestID) {
	if len(data) > MaxCommand {
		data = data[:MaxCommand]
	}
	whole := json.Valid(data)
	return ClientOrderID(peek(data, whole, "client_order_id")), RequestID(peek(data, whole, "request_id"))
}

func peek(data []byte, whole bool, name string) string {
	if id := peekTop(data, name); id != "" || whole {
		return id
	}
	return peekLoose(data, name)
}

// peekTop looks for "name": "id" among the members of the outermost object, as far as it can be followed.
func peekTop(b []byte, name string) string {
	for i, depth := 0, 0; i < len(b); i++ {
		switch b[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			end := skipString(b, i)
			if depth == 1 && end-i-2 == len(name) && string(b[i+1:end-1]) == name {
				if id := stringAfterColon(b, end); id != "" {
					return id
				}
			}
			i = end - 1
		}
	}
	return ""
}

func stringAfterColon(b []byte, i int) string {
	if i = skipSpace(b, i); i >= len(b) || b[i] != ':' {
		return ""
	}
	if i = skipSpace(b, i+1); i >= len(b) || b[i] != '"' {
		return ""
	}
	end := skipString(b, i)
	if end-i < 2 || b[end-1] != '"' || !ValidID(string(b[i+1:end-1])) {
		return ""
	}
	return string(b[i+1 : end-1])
}

// peekLoose takes what stands behind the first name, over quotes of any kind, blanks, colons and equal signs.
func peekLoose(b []byte, name string) string {
	at := bytes.Index(b, []byte(name))
	if at < 0 {
		return ""
	}
	rest := b[at+len(name):]
	if len(rest) > 0 && ValidID(string(rest[:1])) {
		return "" // a longer name
	}
	rest = bytes.TrimLeft(rest, "\"'` \t\r\n:=")
	const longest = 64
	end := 0
	for end < len(rest) && end <= longest && ValidID(string(rest[end:end+1])) {
		end++
	}
	if id := string(rest[:end]); ValidID(id) {
		return id
	}
	return ""
}
