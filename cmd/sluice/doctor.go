package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/msgs"
)

type doctorCmd struct {
	busFlags
	venueFlags
	chainFlags
	relayerFlags
	HTTP string `name:"http" env:"SLUICE_HTTP" default:"127.0.0.1:8080" help:"Where a service answers /readyz."`
}

// finding is what one check saw.
type finding struct {
	Check string `json:"check"`
	OK    bool   `json:"ok"`
	Saw   string `json:"saw"`
	Fix   string `json:"fix,omitempty"`
}

// maxSkew is how far this clock may be from the venue's: signatures and ages are checked against it.
const maxSkew = 2 * time.Second

// Run makes every check and ends with 1 when one of them failed.
func (c *doctorCmd) Run(a *app) error {
	c.venueFlags = c.in(a.cli.Env)
	accounts, ignored, err := a.accounts()
	list := []finding{a.settings(), c.accounts(a, accounts, err)}
	if len(ignored) > 0 {
		list = append(list, finding{Check: "keys", OK: true, Saw: "ignored in env sandbox, where only the sandbox's own accounts trade: " + strings.Join(ignored, ", ")})
	}
	list = append(list, c.directory(a.cli.Env), c.health(a.ctx))
	list = append(list, c.disk()...)
	list = append(list, c.bus(a.ctx, a.cli.Env, accounts)...)
	list = append(list, c.venue(a.ctx)...)
	list = append(list, c.chain(a, accounts)...)
	rows, bad := [][]string{}, 0
	for _, f := range list {
		mark := "ok"
		if !f.OK {
			mark, bad = "FAIL", bad+1
		}
		rows = append(rows, []string{mark, f.Check, f.Saw})
		if f.Fix != "" {
			rows = append(rows, []string{"", "", "→ " + f.Fix})
		}
	}
	if err := a.print(map[string]any{"ok": bad == 0, "checks": list}, []string{"", "CHECK", "SAW"}, rows); err != nil {
		return err
	}
	if bad > 0 {
		return exitCode(1)
	}
	return nil
}

// said makes a finding of an error, with its own advice where it has any.
func said(check string, err error, fix string) finding {
	e := explain(err)
	if e.Fix == seeDoctor {
		e.Fix = ""
	}
	return finding{Check: check, Saw: e.Cause, Fix: cmp.Or(fix, e.Fix)}
}

// settings says which file is read.
func (a *app) settings() finding {
	f := finding{Check: "settings", OK: true, Saw: fmt.Sprintf("env %s, settings of %s", a.cli.Env, a.config.path)}
	if a.config.absent {
		f.Saw = fmt.Sprintf("env %s, no %s here: flags and environment only", a.cli.Env, a.config.path)
	}
	return f
}

func (c *doctorCmd) accounts(a *app, list []account, err error) finding {
	if err != nil {
		return said("accounts", err, "")
	}
	names := make([]string, 0, len(list))
	for _, acc := range list {
		names = append(names, fmt.Sprintf("%s (%s)", acc.Name, acc.Kind))
	}
	return finding{Check: "accounts", OK: true, Saw: strings.Join(names, ", ")}
}

func (c *doctorCmd) health(ctx context.Context) finding {
	text, err := get(ctx, "http://"+c.HTTP+"/readyz")
	if err != nil {
		return said("services", err, "start everything with: sluice up; or name another process with --http")
	}
	return finding{Check: "services", OK: true, Saw: strings.TrimSpace(text)}
}

func (c *doctorCmd) bus(ctx context.Context, env string, accounts []account) []finding {
	nc, err := c.strategy()
	if err != nil {
		return []finding{said("bus", err, "")}
	}
	defer nc.Close()
	list := []finding{{Check: "bus", OK: true, Saw: fmt.Sprintf("%s, server %s %s", nc.ConnectedUrlRedacted(), nc.ConnectedServerName(), nc.ConnectedServerVersion())}}
	for _, acc := range accounts {
		var s msgs.StatusAnswer
		check := "account " + string(acc.Name)
		if err := ask(nc, msgs.SvcSubject("executor", acc.Name, "status"), msgs.Empty{}, &s); err != nil {
			list = append(list, said(check, err, ""))
			continue
		}
		f := finding{Check: check, OK: s.Venue == "ok" && !s.Halted && len(s.Doubts) == 0 && s.Env == msgs.Env(env), Saw: fmt.Sprintf("owner %s, venue %s, %d open, %d unknown, %d queued", s.Owner, s.Venue, s.Open, s.Unknown, s.Queue.Submit)}
		if s.Env != msgs.Env(env) {
			f.Saw, f.Fix = fmt.Sprintf("%s, runs in env %s and not %s", f.Saw, s.Env, env), "look at another bus with --nats, or with another --env"
		}
		if len(s.Doubts) > 0 {
			f.Saw, f.Fix = f.Saw+", HELD since its last start: no new order leaves, cancels work", "see below what was found and what helps"
		}
		if s.Halted {
			f.Saw, f.Fix = f.Saw+", HALTED", "take new orders again with: sluice resume --account "+string(acc.Name)
		}
		list = append(list, f)
		list = append(list, doubted(acc.Name, s.Doubts)...)
		list = append(list, throttled(s)...)
		list = append(list, worksFor(nc, acc.Name))
	}
	return append(list, c.streams(ctx)...)
}

// doubted says what the last start of an account has found that its log does not know, and what to do.
func doubted(account msgs.Account, doubts []msgs.Error) []finding {
	var list []finding
	for _, d := range doubts {
		list = append(list, finding{Check: "log of " + string(account), Saw: fmt.Sprintf("%s: %s", d.Code, d.Cause), Fix: d.Fix})
	}
	return list
}

// recently is how long a refusal for the rate is something to be mended now.
const recently = 10 * time.Minute

// throttled says what the venue has refused for its rate, and why, as far as it can be told.
func throttled(s msgs.StatusAnswer) []finding {
	var list []finding
	for _, r := range s.Throttles {
		ago := time.Duration(s.AsOfMS-r.LastMS) * time.Millisecond
		list = append(list, finding{Check: "limit " + r.Layer + " of " + string(s.Account), OK: ago > recently, Fix: r.Fix,
			Saw: fmt.Sprintf("the venue has refused %d requests for their rate, the last %s ago: %s", r.Count, ago.Round(time.Second), r.Means)})
	}
	return list
}

// streams looks at how full the streams are, when the service password is at hand.
func (c *doctorCmd) streams(ctx context.Context) []finding {
	nc, err := c.service()
	if err != nil {
		return []finding{{Check: "streams", OK: true, Saw: "not looked at: " + said("", err, "").Saw}}
	}
	defer nc.Close()
	js, err := jetStream(nc)
	if err != nil {
		return []finding{said("streams", err, "")}
	}
	var list []finding
	var streams []*jetstream.StreamInfo
	l := js.ListStreams(ctx)
	for info := range l.Info() {
		list, streams = append(list, fullness(info)), append(streams, info)
	}
	if l.Err() != nil {
		list = append(list, said("streams", l.Err(), "is JetStream enabled on the server?"))
	}
	return append(list, readersOf(ctx, js, streams)...)
}

// fullAlarm is the share of a stream's space, in percent, from which somebody must look.
const fullAlarm = 70

func fullness(info *jetstream.StreamInfo) finding {
	f := finding{Check: "stream " + info.Config.Name, OK: true, Saw: fmt.Sprintf("%d messages, %d KiB", info.State.Msgs, info.State.Bytes>>10)}
	if m := info.Config.MaxBytes; m > 0 {
		percent := info.State.Bytes * 100 / uint64(m)
		f.Saw += fmt.Sprintf(", %d %% full", percent)
		if percent >= fullAlarm && info.Config.Discard == jetstream.DiscardNew {
			f.OK, f.Fix = false, "it refuses what comes when it is full, and new orders from 80 % on: see who holds it back below"
		}
	}
	return f
}

func (c *doctorCmd) venue(ctx context.Context) []finding {
	text, err := get(ctx, c.CLOB+"/time")
	if err != nil {
		return []finding{said("venue", err, "is it running? the local one starts with: sluice up; another is named with --clob")}
	}
	list := []finding{{Check: "venue", OK: true, Saw: c.CLOB}}
	theirs, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return append(list, said("clock", fmt.Errorf("the venue's time is %q", text), "is this the venue?"))
	}
	// The venue counts whole seconds, so its time stands for any moment of that second.
	skew := time.Since(time.Unix(theirs, 500_000_000)).Abs()
	f := finding{Check: "clock", OK: skew <= maxSkew, Saw: fmt.Sprintf("within %s of the venue's", skew.Round(100*time.Millisecond))}
	if !f.OK {
		f.Fix = "set this machine's clock (NTP): signatures and ages of orders depend on it"
	}
	return append(list, f)
}

// get reads a short text from url.
func get(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if err != nil {
		return "", err
	}
	if r.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answers %s: %s", url, r.Status, strings.TrimSpace(string(b)))
	}
	return string(b), nil
}
