package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/msgs"
	"sluice/pkg/sandbox/judge"
)

type judgeCmd struct {
	busFlags
	Journal  string        `name:"journal" required:"" help:"The sandbox's journal: a file, or http://…/_sandbox/journal."`
	Commands string        `name:"commands" help:"The record of the bus: a file written by --record. Without it the bus itself is read."`
	Record   string        `name:"record" help:"Also write the record of the bus to this file."`
	Accounts []string      `name:"accounts" help:"Only these accounts."`
	Settle   time.Duration `name:"settle" default:"5s" help:"A running plant is judged again for so long while anything is wrong: what is under way looks wrong for a moment."`
}

// judgeEvery is the pause between two looks at a running plant: the sandbox settles a trade in less.
const judgeEvery = 500 * time.Millisecond

// Run judges, prints the verdict, and ends with 1 when something went wrong.
func (c *judgeCmd) Run(a *app) error {
	end := time.Now().Add(c.Settle)
	v, err := c.judge(a.ctx)
	for running := isURL(c.Journal) && c.Commands == ""; running && err == nil && !v.Content() && time.Now().Before(end); {
		select {
		case <-time.After(judgeEvery):
		case <-a.ctx.Done():
			return problem("interrupted", "stopped before the verdict was sure", "judge again")
		}
		v, err = c.judge(a.ctx)
	}
	if err != nil {
		return err
	}
	if a.cli.Output == "json" {
		b, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("encode verdict: %w", err)
		}
		fmt.Fprintf(a.out, "%s\n", b)
	} else {
		fmt.Fprintln(a.out, v)
	}
	if !v.Content() {
		return exitCode(1)
	}
	return nil
}

// judge looks once. The journal is read before the bus.
func (c *judgeCmd) judge(ctx context.Context) (v judge.Verdict, err error) {
	journal, err := c.open(ctx, c.Journal)
	if err != nil {
		return v, err
	}
	defer journal.Close()
	commands, err := c.commands(ctx)
	if err != nil {
		return v, err
	}
	defer commands.Close()
	if v, err = judge.Judge(journal, commands, judge.Options{Accounts: c.Accounts}); err != nil {
		return v, fmt.Errorf("judge: %w", err)
	}
	return v, nil
}

func isURL(where string) bool {
	return strings.HasPrefix(where, "http://") || strings.HasPrefix(where, "https://")
}

// commands is the record of the bus, from a file or from the bus.
func (c *judgeCmd) commands(ctx context.Context) (io.ReadCloser, error) {
	if c.Commands != "" {
		return c.open(ctx, c.Commands)
	}
	var b bytes.Buffer
	if err := c.recordBus(ctx, &b); err != nil {
		return nil, err
	}
	if c.Record != "" {
		if err := os.WriteFile(c.Record, b.Bytes(), 0o600); err != nil {
			return nil, fmt.Errorf("write record: %w", err)
		}
	}
	return io.NopCloser(&b), nil
}

func (c *judgeCmd) open(ctx context.Context, where string) (io.ReadCloser, error) {
	if !isURL(where) {
		f, err := os.Open(where)
		if err != nil {
			return nil, problem("no_file", err.Error(), "name an existing file")
		}
		return f, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", where, err)
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, problem("no_journal", fmt.Sprintf("cannot read %s: %v", where, err), "is the sandbox running? start it with: sluice up")
	}
	if r.StatusCode != http.StatusOK {
		r.Body.Close()
		return nil, problem("no_journal", fmt.Sprintf("%s answers %s", where, r.Status), "the journal is at /_sandbox/journal")
	}
	return r.Body, nil
}

// recordLine is one stored message, as the judge reads it.
type recordLine struct {
	Stream   string              `json:"stream"`
	Subject  string              `json:"subject"`
	Seq      uint64              `json:"seq"`
	StoredUS int64               `json:"stored_us"`
	Headers  map[string][]string `json:"headers,omitempty"`
	Data     string              `json:"data"`
}

// recordBus records the bus that the flags name.
func (c *judgeCmd) recordBus(ctx context.Context, w io.Writer) error {
	nc, err := c.service()
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetStream(nc)
	if err != nil {
		return err
	}
	return recordStreams(ctx, js, w)
}

// recordStreams writes every message of every account's streams to w.
func recordStreams(ctx context.Context, js jetstream.JetStream, w io.Writer) error {
	out := bufio.NewWriter(w)
	streams := js.ListStreams(ctx)
	for info := range streams.Info() {
		name := info.Config.Name
		if !strings.HasPrefix(name, "ASK_") && !strings.HasPrefix(name, "LOG_") && name != msgs.DeadStream {
			continue
		}
		if err := recordStream(ctx, js, name, info.State.LastSeq, out); err != nil {
			return err
		}
	}
	if err := streams.Err(); err != nil {
		return problem("no_streams", fmt.Sprintf("cannot list the streams: %v", err), "is JetStream enabled? see: sluice doctor")
	}
	return out.Flush()
}

func recordStream(ctx context.Context, js jetstream.JetStream, name string, last uint64, w io.Writer) error {
	stream, err := js.Stream(ctx, name)
	if err != nil {
		return fmt.Errorf("read stream %s: %w", name, err)
	}
	cons, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return fmt.Errorf("read stream %s: %w", name, err)
	}
	if last == 0 {
		return nil
	}
	it, err := cons.Messages()
	if err != nil {
		return fmt.Errorf("read stream %s: %w", name, err)
	}
	defer it.Stop()
	enc := json.NewEncoder(w)
	for {
		m, err := it.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("read stream %s: %w", name, err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return fmt.Errorf("read stream %s: %w", name, err)
		}
		if err := enc.Encode(recordLine{name, m.Subject(), meta.Sequence.Stream, meta.Timestamp.UnixMicro(), m.Headers(), string(m.Data())}); err != nil {
			return fmt.Errorf("write record: %w", err)
		}
		if meta.Sequence.Stream >= last || meta.NumPending == 0 {
			return nil
		}
	}
}
