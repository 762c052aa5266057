package ingest

import (
	"bytes"
	"encoding/json"
	"iter"
)

// elements yields the messages of a frame: the frame itself, or each element when it is an array. What is not JSON is
// yielded as it is, for the decoder to refuse.
func elements(frame []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		frame = bytes.TrimSpace(frame)
		if len(frame) == 0 || frame[0] != '[' || !json.Valid(frame) {
			yield(frame)
			return
		}
		depth, start, text := 0, 0, false
		for i := 0; i < len(frame); i++ {
			switch c := frame[i]; {
			case text && c == '\\':
				i++
			case c == '"':
				text = !text
			case text:
			case c == '{' || c == '[':
				if depth++; depth == 1 {
					start = i + 1
				}
			case c == '}' || c == ']':
				depth--
			}
			if end := depth == 0; !text && (end || depth == 1 && frame[i] == ',') {
				one := bytes.TrimSpace(frame[start:i])
				start = i + 1
				if len(one) > 0 && !yield(one) || end {
					return
				}
			}
		}
	}
}
