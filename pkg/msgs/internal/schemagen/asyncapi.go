package main

import (
	"strings"

	"sluice/pkg/msgs"
)

const (
	schemaFormat = "application/schema+json;version=draft-2020-12"
	copies       = "copies"
)

// asyncAPI is the bus as one AsyncAPI 3.0 document, told from the side of Sluice: it receives commands and questions,
// and sends the rest.
func asyncAPI() object {
	return object{
		{"asyncapi", "3.0.0"},
		{"info", object{
			{"title", "Sluice"}, {"version", "1.0.0"},
			{"description", "What a strategy says and hears on NATS. Subjects are addresses; money, prices and sizes are decimal strings; times are Unix milliseconds. Commands are closed, everything else may gain fields."},
		}},
		{"defaultContentType", "application/json"},
		{"channels", channels()},
		{"operations", operations()},
		{"components", object{{"messages", messages()}}},
	}
}

// channelName is a subject without the blanks and points that a reference cannot have.
func channelName(r msgs.Row) string {
	return strings.NewReplacer("<", "", ">", "").Replace(r.Subject)
}

func channels() object {
	var out object
	for _, r := range msgs.Table() {
		out = append(out, pair{channelName(r), channel(r)})
		if r.Answer != "" {
			out = append(out, pair{channelName(r) + ".answer", object{
				{"address", nil}, {"description", "the reply, to the inbox of the question"},
				{"messages", references(r.Answer, msgs.TypeErrorReply)},
			}})
		}
	}
	kinds := append(msgs.OrderKinds(), msgs.TxKinds()...)
	return append(out, pair{copies, object{
		{"address", nil},
		{"description", "copies of the events about a command, one a message, to the inbox named in its header Reply-To; the log is the truth"},
		{"messages", references(kinds...)},
	}})
}

func channel(r msgs.Row) object {
	types := r.Types
	if r.Class == msgs.ClassEvent {
		types = []msgs.Type{msgs.TypeEnvelope}
	}
	o := object{
		{"address", strings.NewReplacer("<", "{", ">", "}").Replace(r.Subject)},
		{"description", r.Doc},
		{"messages", references(types...)},
	}
	if p := parameters(r.Subject); p != nil {
		o = o.with("parameters", p)
	}
	if r.Class == msgs.ClassEvent {
		o = o.with("x-events", references(r.Types...))
	}
	return o.with("x-stream", r.Stream).with("x-writer", r.Writer).with("x-readers", r.Readers).with("x-id", r.ID)
}

func parameters(subject string) object {
	docs := map[string]string{
		"account": "short name from the configuration, [a-z0-9][a-z0-9_-]{0,31}", "venue": "polymarket",
		"token_id": "the venue's id of one outcome, decimal digits", "condition_id": "the market's id, 0x and 64 hex digits",
		"kind": "what sort of price", "symbol": "what is priced", "service": "who could not take it", "reason": "a code",
	}
	var out object
	for token := range strings.SplitSeq(subject, ".") {
		if name, ok := strings.CutPrefix(token, "<"); ok {
			name = strings.TrimSuffix(name, ">")
			out = append(out, pair{name, object{{"description", docs[name]}}})
		}
	}
	return out
}

func references(types ...msgs.Type) object {
	out := object{}
	for _, t := range types {
		out = append(out, pair{string(t), reference("#/components/messages/" + string(t))})
	}
	return out
}

func reference(to string) object { return object{{"$ref", to}} }

func operations() object {
	var out object
	for _, r := range msgs.Table() {
		name := channelName(r)
		action := "send"
		if r.Class == msgs.ClassCommand || r.Class == msgs.ClassQuestion {
			action = "receive"
		}
		o := object{{"action", action}, {"channel", reference("#/channels/" + name)}, {"summary", r.Doc}}
		switch r.Class {
		case msgs.ClassQuestion:
			o = o.with("reply", object{{"channel", reference("#/channels/" + name + ".answer")}})
		case msgs.ClassCommand:
			o = o.with("reply", object{
				{"address", object{{"location", "$message.header#/Reply-To"}}},
				{"channel", reference("#/channels/" + copies)},
			})
		}
		out = append(out, pair{action + "." + name, o})
	}
	return out
}

func messages() object {
	var out object
	for _, m := range msgs.Messages() {
		o := object{
			{"name", m.Type}, {"title", m.Type}, {"summary", m.Doc}, {"contentType", "application/json"},
			{"payload", object{{"schemaFormat", schemaFormat}, {"schema", reference("./" + string(m.Type) + ".json")}}},
		}
		if m.Class == msgs.ClassCommand {
			o = o.with("headers", commandHeaders())
		}
		out = append(out, pair{string(m.Type), o})
	}
	return out
}

func commandHeaders() object {
	return object{{"type", "object"}, {"properties", object{
		{msgs.HeaderReplyTo, object{{"type", "string"}, {"pattern", "^_INBOX\\.[^*> ]+$"}, {"maxLength", 256}, {"description", "where copies of the events about this command go"}}},
		{msgs.HeaderMsgID, object{{"type", "string"}, {"description", "not needed; if set it must be <account>.<verb>.<id>"}}},
	}}}
}
