package main

import "sluice/pkg/msgs"

// rules are what a struct cannot say: which fields must, and which must not, stand together. They are the Check methods
// of the commands, told in JSON Schema.
func rules(t msgs.Type) object {
	switch t {
	case "cmd.order.submit":
		return submitRules()
	case "cmd.order.cancel":
		return object{{"oneOf", []any{needs("client_order_id"), needs("order_id"), needs("client_order_ids"), needs("order_ids")}}}
	case "cmd.order.replace":
		return object{{"allOf", []any{
			when(needs("expires_ms", "type"), is("type", msgs.GTD)),
			when(both(is("post_only", true), needs("type")), in("type", msgs.GTC, msgs.GTD)),
		}}}
	case "cmd.tx.transfer":
		return object{{"oneOf", []any{needs("asset"), needs("token_id")}}}
	}
	return stateRule(t)
}

// stateRule: an event about one order says where it stands. A refused cancel may be about an order that nobody knows.
func stateRule(t msgs.Type) object {
	switch t {
	case msgs.KindAccepted, msgs.KindFilled, msgs.KindSettled, msgs.KindSettlementFailed, msgs.KindCancelled, msgs.KindRejected,
		msgs.KindUnknown, msgs.KindCancelPending, msgs.KindForeign:
		return object{{"allOf", []any{needs("state")}}}
	}
	return nil
}

func submitRules() object {
	return object{
		{"dependentRequired", object{{"market", []string{"outcome"}}, {"outcome", []string{"market"}}}},
		{"allOf", []any{
			object{{"not", needs("token_id", "market")}},
			object{
				{"if", needs("signed")},
				{"then", object{{"not", object{{"anyOf", []any{
					needs("price"), needs("size"), needs("side"), needs("amount"), needs("max_slippage"), needs("builder"),
				}}}}}},
				{"else", object{
					{"required", []string{"side"}},
					{"allOf", []any{
						object{{"oneOf", []any{needs("token_id"), needs("market")}}},
						object{{"oneOf", []any{needs("price"), needs("max_slippage")}}},
						object{{"oneOf", []any{needs("size"), needs("amount")}}},
					}},
				}},
			},
			when(needs("amount"), both(is("side", msgs.Buy), in("type", msgs.FOK, msgs.FAK))),
			when(needs("max_slippage"), in("type", msgs.FOK, msgs.FAK)),
			when(is("post_only", true), in("type", msgs.GTC, msgs.GTD)),
			object{
				{"if", is("type", msgs.GTD)},
				{"then", object{{"anyOf", []any{needs("expires_ms"), both(needs("expiration"), has("expiration", object{{"minimum", 1}}))}}}},
				{"else", both(object{{"not", needs("expires_ms")}}, has("expiration", object{{"const", 0}}))},
			},
		}},
	}
}

func needs(names ...string) object { return object{{"required", names}} }

// has wants a field, where it is given, to be so.
func has(name string, s object) object { return object{{"properties", object{{name, s}}}} }

// is wants the field to be there with one value.
func is(name string, value any) object {
	return object{{"required", []string{name}}, {"properties", object{{name, object{{"const", value}}}}}}
}

// in wants a field, where it is given, to have one of the values.
func in(name string, values ...any) object { return has(name, object{{"enum", values}}) }

func when(condition, then object) object { return object{{"if", condition}, {"then", then}} }

func both(a, b object) object { return object{{"allOf", []any{a, b}}} }
