package msgs

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
)

// quickKinds are the events that AppendEvent lays out by hand.
func quickKinds() []Event {
	return []Event{&OrderSubmitting{}, &OrderAccepted{}, &OrderFilled{}, &OrderCancelled{}}
}

// asMarshalled fails the test when AppendEvent does not write what json.Marshal writes, behind what stood there before.
func asMarshalled(t *testing.T, e Event) {
	t.Helper()
	want, werr := json.Marshal(e)
	got, gerr := AppendEvent([]byte("before,"), e)
	if (werr == nil) != (gerr == nil) {
		t.Fatalf("%T: AppendEvent says %v and json.Marshal %v", e, gerr, werr)
	}
	if werr == nil && string(got) != "before,"+string(want) {
		t.Errorf("%T is written as\n%s\nwant\n%s", e, got, want)
	}
}

func TestEverySampleIsAppendedAsItIsMarshalled(t *testing.T) {
	quick := 0
	for _, s := range samples(t) {
		if New(s.t) == nil {
			continue
		}
		e, err := DecodeEvent(s.data)
		if err != nil {
			t.Fatal(err)
		}
		asMarshalled(t, e)
		if _, ok := appendQuick(nil, e); ok {
			quick++
		}
	}
	if quick == 0 {
		t.Error("no sample was written by hand, so nothing is shown")
	}
}

// field is one field that an event is written with, and how it is reached.
type fieldOf struct {
	name string
	at   func(Event) reflect.Value
}

// fieldsOf lists every field that is written of e: those of embedded structs and of what stands in lists too.
func fieldsOf(e Event) []fieldOf {
	var out []fieldOf
	var walk func(typ reflect.Type, path string, at func(Event) reflect.Value)
	walk = func(typ reflect.Type, path string, at func(Event) reflect.Value) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			reach := func(e Event) reflect.Value { return at(e).Field(i) }
			name := path + "." + f.Name
			switch {
			case f.Type.Kind() == reflect.Struct:
				walk(f.Type, name, reach)
			case f.Type.Kind() == reflect.Pointer && f.Type.Elem().Kind() == reflect.Struct:
				walk(f.Type.Elem(), name, func(e Event) reflect.Value { return pointed(reach(e)) })
			case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
				walk(f.Type.Elem(), name, func(e Event) reflect.Value { return second(reach(e)) })
			default:
				out = append(out, fieldOf{name, reach})
			}
		}
	}
	typ := reflect.TypeOf(e).Elem()
	walk(typ, typ.Name(), func(e Event) reflect.Value { return reflect.ValueOf(e).Elem() })
	return out
}

// pointed is what a pointer points to, made if need be.
func pointed(p reflect.Value) reflect.Value {
	if p.IsNil() {
		p.Set(reflect.New(p.Type().Elem()))
	}
	return p.Elem()
}

// second is the second element of a list, made if need be.
func second(list reflect.Value) reflect.Value {
	if list.Len() == 0 {
		list.Set(reflect.MakeSlice(list.Type(), 2, 2))
	}
	return list.Index(1)
}

// fill gives a field a value that is not zero, another one for each n.
func fill(t *testing.T, v reflect.Value, n int) {
	t.Helper()
	switch {
	case v.Type() == reflect.TypeFor[json.RawMessage]():
		v.SetBytes(fmt.Appendf(nil, `{"a":%d}`, n))
	case v.Type() == reflect.TypeFor[[]string]():
		v.Set(reflect.ValueOf([]string{fmt.Sprint("warning ", n)}))
	case v.Kind() == reflect.String:
		v.SetString(fmt.Sprint("text ", n))
	case v.CanInt():
		v.SetInt(int64(n)*1_000_100 + 1)
	case v.CanUint():
		v.SetUint(math.MaxUint64 - uint64(n))
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	default:
		t.Fatalf("a field of type %s: let AppendEvent write it, and this test fill it", v.Type())
	}
}

// A field that is added to a struct and not to its writer would be lost from the log. Each field is set alone, and all
// together; each must come out as json.Marshal writes it, and by hand.
func TestEveryFieldOfAnEventWrittenByHandIsWritten(t *testing.T) {
	for _, kind := range quickKinds() {
		fresh := func() Event { return reflect.New(reflect.TypeOf(kind).Elem()).Interface().(Event) }
		asMarshalled(t, fresh())
		all := fresh()
		for n, f := range fieldsOf(kind) {
			e := fresh()
			fill(t, f.at(e), n+1)
			asMarshalled(t, e)
			if _, quick := appendQuick(nil, e); !quick {
				t.Errorf("%T with %s is not written by hand", e, f.name)
			}
			fill(t, f.at(all), n+1)
		}
		asMarshalled(t, all)
		if _, quick := appendQuick(nil, all); !quick {
			t.Errorf("%T with every field is not written by hand", all)
		}
	}
}

// Every character by itself in every text, in each place of eight: what needs escaping is found.
func TestTextsThatNeedEscapingAreEscaped(t *testing.T) {
	odd := []string{"\u2028", "\u2029", "é", "\xff", "a\xc3", "\xf0\x9f\x8e\xb2"}
	for c := range 256 {
		odd = append(odd, string([]byte{byte(c)}), "01234567"[:c%8]+string([]byte{byte(c)})+"01234567")
	}
	for _, kind := range quickKinds() {
		for _, f := range fieldsOf(kind) {
			if f.at(kind).Kind() != reflect.String {
				continue
			}
			for _, s := range odd {
				e := reflect.New(reflect.TypeOf(kind).Elem()).Interface().(Event)
				f.at(e).SetString(s)
				asMarshalled(t, e)
			}
		}
	}
}

func TestEventsWithoutListsAreAppendedAsTheyAreMarshalled(t *testing.T) {
	asMarshalled(t, &OrderSubmitting{Orders: []Intent{}})
	asMarshalled(t, &OrderSubmitting{Orders: []Intent{{}, {}, {}}})
	asMarshalled(t, &OrderFilled{Fill: &Fill{Fee: math.MinInt64, Price: math.MaxInt64, Leg: -1}})
	asMarshalled(t, &OrderAccepted{Order: Order{Meta: json.RawMessage(`{"a":`)}})
	asMarshalled(t, &OrderAccepted{Order: Order{Warnings: []string{}, Meta: json.RawMessage{}}})
	asMarshalled(t, &Strange{Raw: json.RawMessage(`{"type":"x.y"}`)})
}

// Whatever an event says, it is appended as json.Marshal writes it: as it was read, and with every field drawn anew.
func FuzzAppendEvent(f *testing.F) {
	for _, s := range samples(f) {
		if New(s.t) != nil {
			f.Add(s.data, "plain", uint64(1))
		}
	}
	f.Add([]byte(`{"type":"order.submitting","orders":[{"maker":"<&>"},{"meta":{"a":[1, 2]}}]}`), "a\"b\\\u2028", uint64(7))
	f.Fuzz(func(t *testing.T, data []byte, text string, seed uint64) {
		if e, err := DecodeEvent(data); err == nil {
			asMarshalled(t, e)
		}
		rng := rand.New(rand.NewPCG(seed, 1))
		for _, e := range quickKinds() {
			for _, f := range fieldsOf(e) {
				draw(rng, f.at(e), text)
			}
			asMarshalled(t, e)
		}
	})
}

// A byte that is escaped is found in each of eight places beside every other byte, and nothing else is.
func TestBareIsWhatJSONLeavesAsItIs(t *testing.T) {
	for c := range 128 {
		quoted, err := json.Marshal(string(rune(c)))
		if err != nil {
			t.Fatal(err)
		}
		want := len(quoted) == 3
		for d := range 128 {
			for at := range 8 {
				text := []byte("        ")
				text[at], text[(at+1)%8] = byte(c), byte(d)
				if d == ' ' && bare(text) != want {
					t.Errorf("%q: bare %t, want %t", text, bare(text), want)
				}
				if !want && bare(text) {
					t.Errorf("%q is taken as bare", text)
				}
			}
		}
	}
}

// draw gives a field a random value, zero half of the time; numbers of every length.
func draw(rng *rand.Rand, v reflect.Value, text string) {
	n := rng.Uint64() >> rng.IntN(64)
	if n&1 == 0 {
		return
	}
	switch {
	case v.Kind() == reflect.String:
		v.SetString(text[rng.IntN(len(text)+1):])
	case v.CanInt():
		v.SetInt(int64(n) - int64(rng.Uint64()>>rng.IntN(64)))
	case v.CanUint():
		v.SetUint(n)
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.Type() == reflect.TypeFor[json.RawMessage]():
		v.SetBytes([]byte(text))
	case v.Type() == reflect.TypeFor[[]string]():
		v.Set(reflect.ValueOf([]string{text}))
	}
}
