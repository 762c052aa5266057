package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sluice/pkg/msgs"
)

// venueFlags say where the venue is. Empty is the place that belongs to the env.
type venueFlags struct {
	CLOB     string `name:"clob" env:"SLUICE_CLOB" help:"Base URL of the venue's REST interface; the local sandbox, or the real venue when live or paper."`
	WSMarket string `name:"ws-market" env:"SLUICE_WS_MARKET" help:"URL of the market socket; as for --clob."`
	WSUser   string `name:"ws-user" env:"SLUICE_WS_USER" help:"URL of the user socket; as for --clob."`
}

// in fills in what belongs to the env.
func (f venueFlags) in(env string) venueFlags {
	def := venueFlags{"https://clob." + realHost, "wss://ws-subscriptions-clob." + realHost + "/ws/market", "wss://ws-subscriptions-clob." + realHost + "/ws/user"}
	if env == string(msgs.Sandbox) {
		def = venueFlags{"http://127.0.0.1:8090", "ws://127.0.0.1:8090/ws/market", "ws://127.0.0.1:8090/ws/user"}
	}
	for _, u := range []struct{ given, def *string }{{&f.CLOB, &def.CLOB}, {&f.WSMarket, &def.WSMarket}, {&f.WSUser, &def.WSUser}} {
		if *u.given == "" {
			*u.given = *u.def
		}
	}
	return f
}

// realHost is the venue's own name; every host of it is real.
const realHost = "polymarket.com"

// checkVenue refuses sandbox keys at a real venue and real keys at the sandbox. The venue's own hosts are known by name and
// not asked; any other is asked what it is, and waited for when it does not answer yet.
func (a *app) checkVenue(log *slog.Logger, addresses ...string) error {
	var bases []string
	for _, address := range addresses {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" {
			return problem(msgs.BadValue, fmt.Sprintf("the venue's address %q is no URL", address), "write it as http://host:port")
		}
		host := strings.ToLower(u.Hostname())
		if host == realHost || strings.HasSuffix(host, "."+realHost) {
			if a.cli.Env == string(msgs.Sandbox) {
				return problem("wrong_venue", address+" is the real venue and this process runs in env sandbox", "for the real venue start with --live; for the local one leave out --clob, --ws-market and --ws-user")
			}
			continue
		}
		scheme := map[string]string{"ws": "http", "wss": "https"}[u.Scheme]
		if scheme == "" {
			scheme = u.Scheme
		}
		if base := scheme + "://" + u.Host; !slices.Contains(bases, base) {
			bases = append(bases, base)
		}
	}
	for _, base := range bases {
		is, err := sandboxAt(a.ctx, log, base)
		switch {
		case err != nil:
			return err
		case a.cli.Env == string(msgs.Sandbox) && !is:
			return problem("wrong_venue", base+" is not a sandbox and this process runs in env sandbox", "start one with: sluice sandbox; for the real venue start with --live")
		case a.cli.Env != string(msgs.Sandbox) && is:
			return problem("wrong_venue", base+" is a sandbox and this process runs in env "+a.cli.Env, "leave out --live, or name the real venue with --clob, --ws-market and --ws-user")
		}
	}
	return nil
}

// sandboxAt says whether the venue at base is our sandbox. It waits for a venue that does not answer yet: containers start
// in any order.
func sandboxAt(ctx context.Context, log *slog.Logger, base string) (bool, error) {
	client := &http.Client{
		Timeout: venueTimeout,
		// What base answers counts, not whom it points to.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/_sandbox/info", nil)
		if err != nil {
			return false, problem(msgs.BadValue, fmt.Sprintf("the venue's address %q: %v", base, err), "write it as http://host:port")
		}
		r, err := client.Do(req)
		if err == nil {
			defer r.Body.Close()
			var info struct {
				Env string `json:"env"`
			}
			body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
			return r.StatusCode == http.StatusOK && json.Unmarshal(body, &info) == nil && info.Env == string(msgs.Sandbox), nil
		}
		log.Warn("no venue yet, trying again", "error", err)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return false, problem("interrupted", fmt.Sprintf("stopped while waiting for the venue at %s: %v", base, err), "is it running? the local one starts with: sluice sandbox")
		}
	}
}
