package msgs

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
)

//go:embed schema/*.json
var schemas embed.FS

// SchemaFor is the JSON Schema (draft 2020-12) of a type as it stands in schema/, nil for an unknown type.
func SchemaFor(t Type) []byte {
	b, err := schemas.ReadFile("schema/" + string(t) + ".json")
	if err != nil {
		return nil
	}
	return b
}

// AsyncAPI is the AsyncAPI 3.0 document of the whole bus.
func AsyncAPI() []byte {
	b, err := schemas.ReadFile("schema/asyncapi.json")
	if err != nil {
		panic(err) // embedded, so it is there
	}
	return b
}

// Strict closes every object of a schema that lists its properties (additionalProperties:false). Published schemas of
// events are open, because fields may be added; tests close them to see that nothing is written that is not described.
func Strict(schema []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(schema))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("decode schema: %w", err)
	}
	closeObjects(v)
	return json.Marshal(v)
}

func closeObjects(v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			closeObjects(e)
		}
	case map[string]any:
		// A condition ("if", "allOf") lists properties without saying that it is the object; only the one that says so is closed.
		if _, lists := v["properties"]; lists && v["type"] == "object" {
			v["additionalProperties"] = false
		}
		for _, e := range v {
			closeObjects(e)
		}
	}
}

// BeyondSchema lists what DecodeCommand and Check refuse although the schema of the command allows it, because JSON
// Schema has no words for it.
func BeyondSchema() []string {
	return []string{
		fmt.Sprintf("a command of more than %d bytes, and meta of more than %d", MaxCommand, MaxMeta),
		"text that is not UTF-8, a name that stands twice in an object (readers of JSON keep one of them silently), and nesting deeper than " + fmt.Sprint(maxDepth) + " levels",
		"a whole number written with a point, an exponent or as -0 (1.0, 1e3), which JSON Schema counts as an integer",
		"`expiration` that is another second than `expires_ms`",
		"`token_id` that is not the token of the `signed` order",
		"`replaces` that is the command's own `client_order_id`, and `cancels` that is its own `request_id`",
	}
}
