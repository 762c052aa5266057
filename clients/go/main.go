// Command go submits, follows and cancels one order, with nothing but the NATS client: a strategy needs no library of ours.
//
//	go run ./clients/go [nats://user:password@host:port]
//
// It owns nothing. Out: cmd.order.main.submit and .cancel. In: copies of the events about its orders. It ends with an error
// when an order does not end as expected.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/nats-io/nats.go"
)

type event struct {
	Type   string          `json:"type"`
	State  string          `json:"state"`
	Filled string          `json:"filled"`
	Final  bool            `json:"final"`
	Error  json.RawMessage `json:"error"`
}

func main() {
	url := nats.DefaultURL
	if len(os.Args) > 1 {
		url = os.Args[1]
	}
	if err := trade(url); err != nil {
		log.Fatal(err)
	}
}

func trade(url string) error {
	nc, err := nats.Connect(url)
	if err != nil {
		return fmt.Errorf("no NATS server at %s (%w); start everything with: go run ./cmd/sluice up", url, err)
	}
	defer nc.Close()
	run := fmt.Sprintf("go-%d", time.Now().UnixMilli())
	order := map[string]any{"client_order_id": run + "-1", "market": "sandbox-coin", "outcome": "Yes",
		"side": "BUY", "type": "GTC", "price": "0.52", "size": "10", "sent_ms": time.Now().UnixMilli()}

	inbox := nc.NewInbox()
	events, err := nc.SubscribeSync(inbox)
	if err != nil {
		return err
	}
	if err := command(nc, "cmd.order.main.submit", order, inbox); err != nil {
		return err
	}
	if err := follow(events, "filled", func(e event) bool { return e.Final }); err != nil {
		return err
	}

	order["client_order_id"], order["price"], order["post_only"], order["sent_ms"] = run+"-2", "0.10", true, time.Now().UnixMilli()
	if err := command(nc, "cmd.order.main.submit", order, inbox); err != nil {
		return err
	}
	if err := follow(events, "open", func(e event) bool { return e.Type == "order.accepted" || e.Final }); err != nil {
		return err
	}
	if err := command(nc, "cmd.order.main.cancel", map[string]any{"client_order_id": run + "-2"}, inbox); err != nil {
		return err
	}
	return follow(events, "cancelled", func(e event) bool { return e.Final })
}

// command sends a command as a request: the answer means that it is on disk, and nothing more.
func command(nc *nats.Conn, subject string, body any, inbox string) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	m := nats.NewMsg(subject)
	m.Data = data
	m.Header.Set("Reply-To", inbox)
	ack, err := nc.RequestMsg(m, 2*time.Second)
	if err != nil {
		return fmt.Errorf("send %s: %w", subject, err)
	}
	fmt.Printf("%s stored: %s\n", subject, ack.Data)
	return nil
}

// follow prints events until one is enough, whose state must be as wanted.
func follow(events *nats.Subscription, want string, enough func(event) bool) error {
	for {
		m, err := events.NextMsg(15 * time.Second)
		if err != nil {
			return fmt.Errorf("wait for %s: %w", want, err)
		}
		var e event
		if err := json.Unmarshal(m.Data, &e); err != nil {
			return err
		}
		fmt.Println(e.Type, e.State, e.Filled, string(e.Error))
		if !enough(e) {
			continue
		}
		if e.State != want {
			return fmt.Errorf("order is %s, want %s: %s", e.State, want, m.Data)
		}
		return nil
	}
}
