package main

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"sluice/pkg/msgs"
)

// files makes every file of the folder, by name.
func files() (map[string][]byte, error) {
	out := make(map[string][]byte)
	for _, m := range msgs.Messages() {
		b, err := document(schemaOf(m))
		if err != nil {
			return nil, fmt.Errorf("schema of %s: %w", m.Type, err)
		}
		out[string(m.Type)+".json"] = b
	}
	b, err := document(asyncAPI())
	if err != nil {
		return nil, fmt.Errorf("asyncapi: %w", err)
	}
	out["asyncapi.json"] = b
	out["TABLE.md"] = table()
	return out, nil
}

// maker makes schemas. Commands are closed and as tight as their decoder; everything else is open, because fields may be
// added.
type maker struct {
	command bool
}

// schemaOf is the whole document of one type.
func schemaOf(m msgs.Message) object {
	mk := maker{command: m.Class == msgs.ClassCommand}
	o := object{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"$id", "urn:sluice:v1:" + string(m.Type)},
		{"title", m.Type},
		{"description", m.Doc},
	}
	o = append(o, mk.structOf(reflect.TypeOf(m.New()).Elem(), m)...)
	return append(o, rules(m.Type)...)
}

// structOf is an object with the fields of t, those of embedded structs in their place.
func (mk maker) structOf(t reflect.Type, m msgs.Message) object {
	var props object
	required := []string{}
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || name == "" || name == "-" {
			continue
		}
		s := mk.field(f, name, options)
		if name == "type" && m.Class == msgs.ClassEvent {
			s = object{{"const", m.Type}}
		}
		if doc := f.Tag.Get("doc"); doc != "" {
			s = s.with("description", doc)
		}
		props = append(props, pair{name, s})
		if !strings.Contains(options, "omitempty") {
			required = append(required, name)
		}
	}
	o := object{{"type", "object"}, {"properties", props}}
	if props == nil {
		o = object{{"type", "object"}, {"properties", struct{}{}}}
	}
	if len(required) > 0 {
		o = o.with("required", required)
	}
	if mk.command {
		o = o.with("additionalProperties", false)
	}
	return o
}

// field is the schema of one field: by its tags where they say something, else by its type.
func (mk maker) field(f reflect.StructField, name, options string) object {
	t, pointer := f.Type, f.Type.Kind() == reflect.Pointer
	if pointer {
		t = t.Elem()
	}
	s := mk.leaf(t, name, f.Tag)
	if pointer && !strings.Contains(options, "omitempty") && f.Tag.Get("json") != "" && nullable(f.Type) {
		return object{{"anyOf", []any{s, object{{"type", "null"}}}}}
	}
	if strings.Contains(options, "string") {
		return object{{"type", "string"}, {"pattern", "^-?[0-9]{1,19}$"}}
	}
	return s
}

// nullable says which pointers stand for a value that may be null: those to plain values. A pointer to a struct that is
// always written is always there.
func nullable(t reflect.Type) bool { return t.Elem().Kind() != reflect.Struct }

func (mk maker) leaf(t reflect.Type, name string, tag reflect.StructTag) object {
	if s := mk.named(t, tag); s != nil {
		return s
	}
	switch t.Kind() {
	case reflect.Struct:
		return mk.structOf(t, msgs.Message{})
	case reflect.Bool:
		return object{{"type", "boolean"}}
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return mk.integer(t, name, tag)
	case reflect.Slice:
		return mk.list(t, name, tag)
	case reflect.Map:
		return object{{"type", "object"}, {"additionalProperties", mk.leaf(t.Elem(), name, "")}}
	case reflect.Interface:
		return anyEvent()
	case reflect.String:
		return mk.words()
	}
	panic(fmt.Sprintf("no schema for %s (%s)", t, name))
}

func (mk maker) words() object {
	if mk.command {
		return object{{"type", "string"}, {"minLength", 1}, {"maxLength", msgs.MaxText}}
	}
	return object{{"type", "string"}}
}

// integer bounds times of commands as their decoder does; 0 has a meaning in valid_until_ms alone.
func (mk maker) integer(t reflect.Type, name string, tag reflect.StructTag) object {
	o := object{{"type", "integer"}}
	least := int64(0)
	if mk.command && strings.HasSuffix(name, "_ms") && name != "valid_until_ms" {
		least = 1
	}
	if mk.command || t.Kind() == reflect.Uint64 || strings.HasSuffix(name, "_ms") {
		o = o.with("minimum", least)
	}
	switch most := tag.Get("max"); {
	case most != "":
		n, err := strconv.ParseInt(most, 10, 64)
		if err != nil {
			panic(fmt.Sprintf("max of %s: %v", name, err))
		}
		o = o.with("maximum", n)
	case mk.command && strings.HasSuffix(name, "_ms"):
		o = o.with("maximum", int64(msgs.MaxTimeMS))
	case mk.command:
		o = o.with("maximum", int64(1<<63-1))
	}
	return o
}

// list bounds the lists of commands: one item at least, none twice.
func (mk maker) list(t reflect.Type, name string, tag reflect.StructTag) object {
	o := object{{"type", "array"}, {"items", mk.leaf(t.Elem(), name, "")}}
	if mk.command {
		o = o.with("minItems", 1).with("uniqueItems", true)
	}
	if most := tag.Get("max"); most != "" {
		n, err := strconv.Atoi(most)
		if err != nil {
			panic(fmt.Sprintf("max of %s: %v", name, err))
		}
		o = o.with("maxItems", n)
	}
	return o
}

// anyEvent is one event of an envelope: what all have. Each is also valid by the schema of its own type.
func anyEvent() object {
	return object{
		{"type", "object"},
		{"required", []string{"v", "type", "account", "env", "n", "at_ms"}},
		{"description", "valid by the schema that bears the name of its type; ignore types that you do not know"},
	}
}
