package fleet

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/limits"
	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/catalogue"
	"sluice/pkg/limits/share"
)

// What the venue documents: windows that a few accounts fill, and that a test of seconds lives to see slide.
var (
	placeLayers  = []catalogue.Layer{{N: 60, Per: time.Second}, {N: 200, Per: 5 * time.Second}, {N: 800, Per: 30 * time.Second}}
	cancelLayers = []catalogue.Layer{{N: 300, Per: 5 * time.Second}}
)

const (
	place  = "POST /order"
	cancel = "DELETE /order"
	name   = "venue" // of the allowance

	// sendBy is how late after it was let go a request may leave, as the executor has it.
	sendBy = 2 * time.Second
	// answerBy is how long an answer is waited for.
	answerBy = 10 * time.Second
	// cancelEach is how often a replica cancels something.
	cancelEach = 200 * time.Millisecond
)

func profile() (catalogue.Profile, error) {
	return catalogue.Build(catalogue.Profile{Name: "test", Date: "2026-11-22", Source: "a test", API: "clob", Rules: []catalogue.Rule{
		{Name: "place", Scope: catalogue.IP, Class: catalogue.Order, For: []string{place}, Layers: placeLayers},
		{Name: "cancel", Scope: catalogue.IP, Class: catalogue.Cancel, For: []string{cancel}, Layers: cancelLayers},
	}})
}

// sender is a replica's way to the venue.
type sender struct {
	limiter *limits.Limiter
	client  *http.Client
	venue   string
	from    string
}

// beReplica floods until it is killed.
func beReplica(ctx context.Context) error {
	nc, err := nats.Connect(os.Getenv("FLEET_NATS"), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond), nats.CustomInboxPrefix("_SERVICE"))
	if err != nil {
		return err
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	p, err := profile()
	if err != nil {
		return err
	}
	o := budget.Options{Factor: budget.Permille}
	l, err := limits.Open(p, o)
	if err != nil {
		return err
	}
	s := &sender{limiter: l, venue: os.Getenv("FLEET_VENUE"), from: os.Getenv("FLEET_NAME"),
		client: &http.Client{Timeout: answerBy, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	node := share.New(l, share.Config{Name: name, Owner: s.from, Profile: p, Options: o, NATS: nc, JS: js, Log: log,
		Keep: []limits.Request{{Endpoint: cancel, Account: s.from, Items: 1}}})
	go s.flood(ctx, s.from+"-a")
	go s.flood(ctx, s.from+"-b")
	go s.cancels(ctx)
	return node.Run(ctx)
}

// flood sends orders as fast as they may leave.
func (s *sender) flood(ctx context.Context, account string) {
	for {
		p, err := s.limiter.Acquire(ctx, limits.Request{Endpoint: place, Account: account, Items: 1})
		if err != nil {
			return
		}
		go s.send(place, p, time.Now())
	}
}

// cancels sends a cancel now and then.
func (s *sender) cancels(ctx context.Context) {
	for range time.Tick(cancelEach) {
		p, err := s.limiter.Acquire(ctx, limits.Request{Endpoint: cancel, Account: s.from, Items: 1})
		if err != nil {
			return
		}
		go s.send(cancel, p, time.Now())
	}
}

// send lets a request leave, unless that is too late by now.
func (s *sender) send(endpoint string, p limits.Permit, let time.Time) {
	at := s.venue + "?" + url.Values{"endpoint": {endpoint}, "from": {s.from}}.Encode()
	if time.Since(let) > sendBy {
		p.NeverLeft()
		return
	}
	r, err := s.client.Get(at)
	if err != nil {
		p.Lost()
		return
	}
	_, err = io.Copy(io.Discard, r.Body)
	if r.Body.Close(); err != nil || r.StatusCode != http.StatusOK {
		fmt.Fprintln(os.Stderr, "answer:", r.Status, err)
	}
	p.Answered()
}
