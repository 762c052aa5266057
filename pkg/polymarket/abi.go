package polymarket

import (
	"bytes"

	"github.com/holiman/uint256"
)

// abiWriter lays arguments out as contracts expect them: a head of words, of which the dynamic arguments' words are offsets
// into the tail behind it.
type abiWriter struct {
	heads      int // words of the head
	head, tail []byte
}

func newArgs(heads int) *abiWriter { return &abiWriter{heads: heads} }

func (w *abiWriter) word(b [word]byte) { w.head = append(w.head, b[:]...) }

func (w *abiWriter) uint(v uint256.Int) { w.word(v.Bytes32()) }

func (w *abiWriter) small(v uint64) { w.uint(*uint256.NewInt(v)) }

func (w *abiWriter) bool(v bool) {
	if v {
		w.small(1)
	} else {
		w.small(0)
	}
}

func (w *abiWriter) address(a Address) {
	var b [word]byte
	putAddress(b[:], a)
	w.word(b)
}

// dynamic puts an encoded argument into the tail and its offset into the head.
func (w *abiWriter) dynamic(enc []byte) {
	w.small(uint64(w.heads*word + len(w.tail)))
	w.tail = append(w.tail, enc...)
}

func (w *abiWriter) blob(b []byte) { w.dynamic(packBlob(b)) }

func (w *abiWriter) uints(vs []uint256.Int) {
	b := newArgs(0)
	b.small(uint64(len(vs)))
	for _, v := range vs {
		b.uint(v)
	}
	w.dynamic(b.head)
}

// bytes is head and tail.
func (w *abiWriter) bytes() []byte { return append(w.head, w.tail...) }

// call is the calldata: selector and arguments.
func (w *abiWriter) call(selector string) []byte {
	return append(append(make([]byte, 0, len(selector)+len(w.head)+len(w.tail)), selector...), w.bytes()...)
}

// packBlob is a length and the bytes, filled up with zeros to whole words.
func packBlob(b []byte) []byte {
	n := uint256.NewInt(uint64(len(b))).Bytes32()
	return append(append(n[:], b...), make([]byte, padding(len(b)))...)
}

// padding is how many bytes are missing to whole words.
func padding(n int) int { return (word - n%word) % word }

// packList is an array of dynamic elements: length, offsets, elements.
func packList(elements [][]byte) []byte {
	w := newArgs(len(elements))
	for _, e := range elements {
		w.dynamic(e)
	}
	n := uint256.NewInt(uint64(len(elements))).Bytes32()
	return append(n[:], w.bytes()...)
}

// abiReader reads what abiWriter writes and nothing else: each dynamic argument must begin where the one before has ended.
// So nothing is read twice, nothing is left out, and reading costs no more than the text is long. After a failure every
// reading gives zeros.
type abiReader struct {
	b    []byte
	at   int // next word of the head
	tail int // where the next dynamic argument must begin
	bad  bool
}

func readArgs(b []byte, heads int) *abiReader {
	return &abiReader{b: b, tail: heads * word, bad: heads*word > len(b)}
}

// done reports whether everything was read and nothing is left.
func (r *abiReader) done() bool { return !r.bad && r.tail == len(r.b) }

func (r *abiReader) word() (w [word]byte) {
	if r.bad || len(r.b)-r.at < word {
		r.bad = true
		return w
	}
	copy(w[:], r.b[r.at:])
	r.at += word
	return w
}

func (r *abiReader) uint() uint256.Int {
	w := r.word()
	return *new(uint256.Int).SetBytes32(w[:])
}

// small is a number that must not exceed most.
func (r *abiReader) small(most uint64) uint64 {
	n := r.uint()
	if !n.IsUint64() || n.Uint64() > most {
		r.bad = true
		return 0
	}
	return n.Uint64()
}

func (r *abiReader) bool() bool { return r.small(1) == 1 }

func (r *abiReader) hash() Hash { return r.word() }

// address is the lower part of a word; DecodeCalldata finds what stands above it.
func (r *abiReader) address() Address {
	w := r.word()
	return Address(w[word-len(Address{}):])
}

// enter reads an offset and returns what stands there; nil after a failure.
func (r *abiReader) enter() []byte {
	if at := r.small(uint64(len(r.b))); r.bad || at != uint64(r.tail) {
		r.bad = true
		return nil
	}
	return r.b[r.tail:]
}

// count reads the length of an array whose elements take at least a word each, out of the first word of b.
func (r *abiReader) count(b []byte) int {
	in := abiReader{b: b}
	n := in.small(uint64(max(0, len(b)/word-1)))
	r.bad = r.bad || in.bad
	return int(n)
}

// blob is a copy of a dynamic argument of bytes. What it is filled up with is not looked at: DecodeCalldata compares the whole.
func (r *abiReader) blob() []byte {
	b := r.enter()
	in := abiReader{b: b}
	n := int(in.small(uint64(max(0, len(b)-word))))
	end := word + n + padding(n)
	if r.bad || in.bad || end > len(b) {
		r.bad = true
		return nil
	}
	r.tail += end
	return bytes.Clone(b[word : word+n])
}

func (r *abiReader) uints() []uint256.Int {
	b := r.enter()
	n := r.count(b)
	if r.bad {
		return nil
	}
	in := abiReader{b: b, at: word}
	out := make([]uint256.Int, n)
	for i := range out {
		out[i] = in.uint()
	}
	r.tail += word * (1 + n)
	return out
}

// list hands the elements of an array of dynamic elements to each. An element is a tuple of so many heads.
func (r *abiReader) list(heads int, each func(*abiReader)) {
	b := r.enter()
	n := r.count(b)
	if r.bad {
		return
	}
	elements := abiReader{b: b[word:], tail: n * word}
	for range n {
		in := readArgs(elements.enter(), heads)
		if elements.bad {
			break
		}
		each(in)
		elements.bad = in.bad
		elements.tail += in.tail
	}
	r.bad = elements.bad
	r.tail += word + elements.tail
}

// blobs is an array of bytes.
func (r *abiReader) blobs() [][]byte {
	b := r.enter()
	n := r.count(b)
	if r.bad {
		return nil
	}
	elements := abiReader{b: b[word:], tail: n * word}
	out := make([][]byte, n)
	for i := range out {
		out[i] = elements.blob()
	}
	r.bad = elements.bad
	r.tail += word + elements.tail
	return out
}
