package main

import (
	"fmt"
	"reflect"
	"strings"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
)

// The shapes of texts. They are those of the decoder in pkg/msgs; a test lets both judge the same mutations.
const (
	idShape        = "^[A-Za-z0-9._-]{1,64}$"
	accountShape   = "^[a-z0-9][a-z0-9_-]{0,31}$"
	tokenShape     = "^[1-9][0-9]{0,77}$"
	hashShape      = "^0x[0-9a-f]{64}$"
	hex32Shape     = "^0x[0-9a-fA-F]{64}$"
	addressShape   = "^0x[0-9a-fA-F]{40}$"
	digitsShape    = "^(0|[1-9][0-9]{0,17})$"
	unitsShape     = "^[1-9][0-9]{0,17}$"
	signatureShape = "^0x([0-9a-fA-F]{2})+$"

	decimalShape   = "^[0-9]{1,12}(\\.[0-9]{1,6})?$"            // as commands take it
	sharesShape    = "^[0-9]{1,12}(\\.[0-9]{1,2}0{0,4})?$"      // as the venue takes it: two decimals
	priceShape     = "^0{1,12}\\.[0-9]{1,6}$"                   // below 1
	nothingShape   = "^[0.]*$"                                  // to be excluded where 0 is
	quantityShape  = "^(0|[1-9][0-9]{0,12})(\\.[0-9]{1,6})?$"   // as events write it
	changeShape    = "^-?(0|[1-9][0-9]{0,12})(\\.[0-9]{1,6})?$" // with a sign
	decimal18Shape = "^(0|[1-9][0-9]*)(\\.[0-9]{1,18})?$"       // gas
)

func text(pattern string) object { return object{{"type", "string"}, {"pattern", pattern}} }

// above is a text of the shape that is not zero.
func above(pattern string) object {
	return text(pattern).with("not", object{{"pattern", nothingShape}})
}

// named is the schema of what is known by its Go type or its schema tag, nil for anything else.
func (mk maker) named(t reflect.Type, tag reflect.StructTag) object {
	if allowed := tag.Get("enum"); allowed != "" {
		return object{{"type", "string"}, {"enum", strings.Split(allowed, ",")}}
	}
	if shape := tag.Get("schema"); shape != "" {
		return mk.tagged(shape)
	}
	switch t {
	case reflect.TypeFor[msgs.Account]():
		return text(accountShape)
	case reflect.TypeFor[msgs.Env]():
		return object{{"type", "string"}, {"enum", []msgs.Env{msgs.Sandbox, msgs.Paper, msgs.Live}}}
	case reflect.TypeFor[msgs.ClientOrderID](), reflect.TypeFor[msgs.RequestID]():
		return text(idShape)
	case reflect.TypeFor[msgs.TokenID]():
		return text(tokenShape)
	case reflect.TypeFor[msgs.ConditionID](), reflect.TypeFor[msgs.OrderID](), reflect.TypeFor[msgs.TxHash]():
		return text(hashShape)
	case reflect.TypeFor[msgs.Code]():
		return text("^[a-z0-9_]+$").with("examples", msgs.Codes())
	}
	return mk.quantity(t)
}

func (mk maker) quantity(t reflect.Type) object {
	switch t {
	case reflect.TypeFor[money.Price]():
		if mk.command {
			return above(priceShape)
		}
		return text(quantityShape)
	case reflect.TypeFor[money.Size]():
		if mk.command {
			return above(sharesShape)
		}
		return text(quantityShape)
	case reflect.TypeFor[money.Cash]():
		if mk.command {
			return above(decimalShape)
		}
		return text(changeShape)
	case reflect.TypeFor[msgs.AmountOrMax]():
		return object{{"anyOf", []any{object{{"const", "max"}}, above(decimalShape)}}}
	case reflect.TypeFor[msgs.Level]():
		return object{
			{"type", "array"}, {"prefixItems", []any{text(quantityShape), text(quantityShape)}},
			{"items", false}, {"minItems", 2}, {"description", "price and size"},
		}
	}
	if t.String() == "json.RawMessage" {
		return object{}
	}
	return nil
}

func (mk maker) tagged(shape string) object {
	switch shape {
	case "object":
		return object{{"type", "object"}}
	case "uint64":
		return object{{"type", "integer"}, {"minimum", 0}, {"maximum", uint64(1<<64 - 1)}}
	case "shares":
		return above(sharesShape)
	case "signature":
		return text(signatureShape).with("maxLength", msgs.MaxSignature)
	}
	shapes := map[string]string{
		"id": idShape, "address": addressShape, "hex32": hex32Shape, "digits": digitsShape, "units": unitsShape,
		"decimal": quantityShape, "decimal18": decimal18Shape,
	}
	pattern, ok := shapes[shape]
	if !ok {
		panic(fmt.Sprintf("no shape %q", shape))
	}
	return text(pattern)
}
