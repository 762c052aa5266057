package msgs_test

import (
	"encoding/json"
	"fmt"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
)

// A service decodes a command strictly, and tells the sender what to do when it cannot take it.
func ExampleDecodeCommand() {
	_, err := msgs.DecodeCommand("cmd.order.main.submit", []byte(`{"client_order_id":"mm1-1","post_olny":true}`))
	fmt.Println(err)
	fmt.Println(err.Fix)
	// Output:
	// unknown_field: there is no field "post_olny"
	// did you mean post_only? Names are case-sensitive, and unknown ones are refused so that a slip cannot change an order
}

// A Go program makes a command, checks it before it is sent, and encodes it.
func ExampleEncodeCommand() {
	price, size := money.Price(520_000), money.Size(10*money.Unit)
	order := &msgs.Submit{
		ClientOrderID: "demo-1", Market: "sandbox-coin", Outcome: "Yes",
		Side: msgs.Buy, Type: msgs.GTC, Price: &price, Size: &size,
	}
	if err := order.Check(); err != nil {
		fmt.Println(err)
		return
	}
	b, _ := msgs.EncodeCommand(order)
	fmt.Println(msgs.CmdSubject(msgs.FamilyOrder, "main", order.Verb()))
	fmt.Println(string(b))
	// Output:
	// cmd.order.main.submit
	// {"client_order_id":"demo-1","market":"sandbox-coin","outcome":"Yes","side":"BUY","type":"GTC","price":"0.52","size":"10"}
}

// A reader of the log loops over the events of each message and leaves alone what it does not know.
func ExampleEnvelope() {
	data := []byte(`{"v":1,"account":"main","env":"sandbox","events":[
		{"v":1,"type":"order.cancelled","account":"main","env":"sandbox","n":7,"at_ms":1,"client_order_id":"mm1-1","filled":"40","remaining":"60","state":"cancelled","final":true,"reason":"requested"},
		{"v":1,"type":"order.levitated","account":"main","env":"sandbox","n":8,"at_ms":1}]}`)
	var e msgs.Envelope
	if err := json.Unmarshal(data, &e); err != nil {
		fmt.Println(err)
		return
	}
	for _, event := range e.Events {
		switch event := event.(type) {
		case *msgs.OrderCancelled:
			fmt.Println(event.N, event.ClientOrderID, event.Reason, event.Filled)
		case *msgs.Strange:
			fmt.Println(event.N, "is news to this version:", event.Kind())
		}
	}
	// Output:
	// 7 mm1-1 requested 40
	// 8 is news to this version: order.levitated
}
