package main

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"time"

	"sluice/pkg/limits/catalogue"
	"sluice/pkg/limits/gate"
	"sluice/pkg/limits/rehearse"
	"sluice/pkg/msgs"
)

type limitsPlanCmd struct {
	profileFlags
	purposeFlag
	Orders   count         `name:"orders" required:"" help:"How many orders (or cancels, or requests) wait."`
	Endpoint string        `name:"endpoint" help:"What they are sent to; POST /order, or POST /orders with --batch."`
	Batch    count         `name:"batch" default:"1" help:"Orders in one request."`
	Answer   time.Duration `name:"answer" default:"50ms" help:"How long the venue takes to answer."`
}

// Run says when a queue would be drained.
func (c *limitsPlanCmd) Run(a *app) error {
	p, o, err := c.profile()
	if err != nil {
		return err
	}
	if c.Endpoint == "" {
		c.Endpoint = "POST /order"
		if c.Batch > 1 {
			c.Endpoint = "POST /orders"
		}
	}
	f, err := rehearse.Plan(rehearse.Backlog{Profile: p, Options: o, Endpoint: c.Endpoint, Items: int(c.Orders), Batch: int(c.Batch), Purpose: c.purpose(), Answer: c.Answer})
	if err != nil {
		return rehearsed(err)
	}
	waits := []map[string]any{}
	rows := [][]string{{"drained after", f.Last.Round(time.Millisecond).String()}, {"requests", strconv.Itoa(f.Requests)}, {"bound by", f.Binding}}
	if f.Binding == "" {
		rows[2][1] = "nothing"
	}
	for _, w := range f.Waits {
		waits = append(waits, map[string]any{"rule": w.Rule, "layer": w.Layer, "wait_ms": w.For.Milliseconds()})
		rows = append(rows, []string{"waits for " + w.Rule, fmt.Sprintf("%s (%s)", w.For.Round(time.Millisecond), w.Layer)})
	}
	note := unknown(&p, c.Endpoint)
	rows = append(noted(note), rows...)
	return a.print(map[string]any{"note": note, "profile": p.Name, "endpoint": c.Endpoint, "orders": c.Orders, "requests": f.Requests, "drained_ms": f.Last.Milliseconds(), "binding": f.Binding, "waits": waits},
		[]string{"PLAN", fmt.Sprintf("%d × %s, %s", c.Orders, c.Endpoint, p.Name)}, rows)
}

// noted is a note as the first of the rows; none when there is nothing to say.
func noted(note string) [][]string {
	if note == "" {
		return nil
	}
	return [][]string{{"note", note}}
}

// rehearsed explains why something could not be rehearsed.
func rehearsed(err error) error {
	switch {
	case errors.Is(err, rehearse.ErrUnlimited):
		return problem("not_limited", err.Error(), "name the endpoint as the catalogue does: sluice limits show")
	case errors.Is(err, rehearse.ErrExcluded):
		return problem("not_limited", err.Error(), "name a tier that has it with --tier; see: sluice limits show")
	case errors.Is(err, gate.ErrNever):
		return problem("never", err.Error()+": such a request is dearer than what a limit ever holds", "put fewer into one request")
	}
	return problem(msgs.BadValue, err.Error(), "see: sluice limits show")
}

type limitsSimulateCmd struct {
	profileFlags
	purposeFlag
	Endpoint string        `name:"endpoint" default:"POST /order" help:"What is saturated."`
	For      time.Duration `name:"for" default:"1h" help:"How long, in virtual time; up to 24h, and up to 744h where a daily quota governs."`
	Items    count         `name:"items" default:"1" help:"Orders or ids in each request."`
	Delay    string        `name:"delay" enum:"none,jitter,stall" default:"jitter" help:"How the network delays: none, jitter (anything up to --most) or stall (every other second)."`
	Most     time.Duration `name:"most" default:"200ms" help:"Longest delay, one way."`
	Lost     count         `name:"lost" default:"0" help:"Answers lost, in thousandths."`
	Busy     time.Duration `name:"busy" help:"Demand for so long, then --idle without; without end when absent."`
	Idle     time.Duration `name:"idle" help:"See --busy."`
	Seed     uint64        `name:"seed" default:"1" help:"Of everything left to chance."`
	Trace    string        `name:"trace" type:"path" help:"Write when each request was sent and arrived to this file, as JSON lines."`
}

// longestSimulation bounds what a command line can ask for; an hour of the fastest limits takes seconds.
const longestSimulation = 24 * time.Hour

// longestQuota is the same where a daily quota governs, which shows only over days what it does, and has few requests in them.
const longestQuota = 31 * 24 * time.Hour

// Run simulates. It ends with 1 when the venue counted an excess.
func (c *limitsSimulateCmd) Run(a *app) error {
	p, o, err := c.profile()
	if err != nil {
		return err
	}
	s := rehearse.Scenario{Profile: p, Options: o, Endpoint: c.Endpoint, Items: int(c.Items), Purpose: c.purpose(), For: c.For, Delay: rehearse.Delay(c.Delay), Most: c.Most,
		Seed: c.Seed, Busy: c.Busy, Idle: c.Idle, Lost: int(c.Lost)}
	longest := longestSimulation
	if s.Daily() {
		longest = longestQuota
	}
	if c.For <= 0 || c.For > longest || c.Lost > 1000 || c.Busy < 0 || c.Idle < 0 || (c.Busy == 0) != (c.Idle == 0) || c.Most <= 0 {
		return problem(msgs.BadValue, "a span, count or delay makes no sense", "--for up to 24h (744h where a daily quota governs), --lost 0 to 1000, --busy and --idle together, --most above 0")
	}
	t := trace{}
	if c.Trace != "" {
		if err := t.open(c.Trace); err != nil {
			return err
		}
		s.Trace = t.line
	}
	r, err := rehearse.Simulate(s)
	if err = errors.Join(err, t.close()); err != nil {
		return rehearsed(err)
	}
	if err := c.print(a, &p, r); err != nil {
		return err
	}
	if r.Violations > 0 {
		return exitCode(exitFailed)
	}
	return nil
}

// thousandths is a share as people read it.
func thousandths(permille int) float64 { return math.Round(float64(permille)) / 1000 }

func (c *limitsSimulateCmd) print(a *app, p *catalogue.Profile, r rehearse.Result) error {
	layers := []map[string]any{}
	note := unknown(p, c.Endpoint)
	rows := append(noted(note), []string{"sent", strconv.Itoa(r.Sent)}, []string{"violations", strconv.Itoa(r.Violations)},
		[]string{"utilisation", fmt.Sprintf("%.3f of %s", thousandths(r.Permil), r.Binding)})
	for _, l := range r.Layers {
		layers = append(layers, map[string]any{"rule": l.Rule, "layer": l.Layer, "worst": l.Worst, "limit": l.Limit, "utilisation": thousandths(l.Permil)})
		rows = append(rows, []string{l.Rule, fmt.Sprintf("%s: %.3f used, worst %d", l.Layer, thousandths(l.Permil), l.Worst)})
	}
	return a.print(map[string]any{"note": note, "profile": p.Name, "endpoint": c.Endpoint, "for_ms": c.For.Milliseconds(), "sent": r.Sent, "units": r.Units, "violations": r.Violations,
		"utilisation": thousandths(r.Permil), "binding": r.Binding, "last_arrival_us": r.Last.Microseconds(), "layers": layers}, []string{"SIMULATED", fmt.Sprintf("%s of %s, %s", c.For, c.Endpoint, p.Name)}, rows)
}

// trace writes a line for each request, for a stranger to recount.
type trace struct {
	file *os.File
	out  *bufio.Writer
	n    int
}

func (t *trace) open(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return problem("no_file", err.Error(), "name a file that can be written")
	}
	t.file, t.out = f, bufio.NewWriter(f)
	return nil
}

func (t *trace) line(sent, arrived time.Duration) {
	t.n++
	fmt.Fprintf(t.out, "{\"n\":%d,\"sent_us\":%d,\"arrived_us\":%d}\n", t.n, sent.Microseconds(), arrived.Microseconds()) // Flush tells what failed
}

func (t *trace) close() error {
	if t.file == nil {
		return nil
	}
	return errors.Join(t.out.Flush(), t.file.Close())
}
