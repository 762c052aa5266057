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
	Journal   string        `name:"journal" required:"" help:"The sandbox's journal: a file, or http://…/_sandbox/journal."`
	Commands  string        `name:"commands" help:"The record of the bus: a file written by --record. Without it the bus itself is read."`
	Transfers string        `name:"transfers" help:"The transfers of the sandbox's chain, with which on-chain work is judged: a file, or http://…/_sandbox/transfers. Those of the journal's sandbox when the journal is read from there."`
	Record    string        `name:"record" help:"Also write the record of the bus to this file."`
	Accounts  []string      `name:"accounts" help:"Only these accounts."`
	Settle    time.Duration `name:"settle" default:"5s" help:"A running plant is judged again for so long while anything is wrong: what is under way looks wrong for a moment."`
}

// judgeEvery is the pause between two looks at a running plant: the sandbox settles a trade in less.
const judgeEvery = 500 * time.Millisecond

// judged is the verdict on orders, and on on-chain work where its transfers are known.
type judged struct {
	judge.Verdict
	work *judge.Work
}

func (v *judged) content() bool { return v.Content() && (v.work == nil || v.work.Content()) }

// print says both, in one object or for people.
func (v *judged) print(a *app) error {
	if a.cli.Output != "json" {
		fmt.Fprintln(a.out, v.Verdict)
		if v.work != nil {
			fmt.Fprintln(a.out, v.work)
		}
		return nil
	}
	b, err := json.Marshal(v.Verdict)
	if err == nil && v.work != nil {
		var work []byte
		if work, err = json.Marshal(v.work); err == nil {
			b = append(append(b[:len(b)-1], ','), work[1:]...)
		}
	}
	if err != nil {
		return fmt.Errorf("encode verdict: %w", err)
	}
	fmt.Fprintf(a.out, "%s\n", b)
	return nil
}

// Run judges, prints the verdict, and ends with 1 when something went wrong.
func (c *judgeCmd) Run(a *app) error {
	if base, isSandbox := strings.CutSuffix(c.Journal, "/_sandbox/journal"); isSandbox && isURL(c.Journal) && c.Transfers == "" {
		c.Transfers = base + "/_sandbox/transfers"
	}
	end := time.Now().Add(c.Settle)
	v, err := c.judge(a.ctx)
	for running := isURL(c.Journal) && c.Commands == ""; running && err == nil && !v.content() && time.Now().Before(end); {
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
	if err := v.print(a); err != nil {
		return err
	}
	if !v.content() {
		return exitCode(1)
	}
	return nil
}

// judge looks once. The journal is read before the chain, and the chain before the bus.
func (c *judgeCmd) judge(ctx context.Context) (*judged, error) {
	journal, err := c.read(ctx, c.Journal)
	if err != nil {
		return nil, err
	}
	transfers, err := c.transfers(ctx)
	if err != nil {
		return nil, err
	}
	commands, err := c.commands(ctx)
	if err != nil {
		return nil, err
	}
	v, opts := &judged{}, judge.Options{Accounts: c.Accounts}
	if v.Verdict, err = judge.Judge(bytes.NewReader(journal), bytes.NewReader(commands), opts); err == nil && c.Transfers != "" {
		v.work = new(judge.Work)
		*v.work, err = judge.JudgeWork(bytes.NewReader(journal), bytes.NewReader(transfers), bytes.NewReader(commands), opts)
	}
	if err != nil {
		return nil, fmt.Errorf("judge: %w", err)
	}
	if v.work != nil {
		delete(v.Unfamiliar, "command cmd.tx") // it was judged, by the other
	}
	return v, nil
}

// read reads a record whole.
func (c *judgeCmd) read(ctx context.Context, where string) ([]byte, error) {
	r, err := c.open(ctx, where)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil && !isURL(where) {
		return nil, problem("no_file", fmt.Sprintf("cannot read %s: %v", where, err), "name a file of JSON lines")
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", where, err)
	}
	return b, nil
}

// transfers are those of the chain: a file, or page after page from where they are served.
func (c *judgeCmd) transfers(ctx context.Context) ([]byte, error) {
	if c.Transfers == "" || !isURL(c.Transfers) {
		if c.Transfers == "" {
			return nil, nil
		}
		return c.read(ctx, c.Transfers)
	}
	var all []byte
	for after := int64(0); ; {
		page, err := c.read(ctx, fmt.Sprintf("%s?after=%d&limit=%d", c.Transfers, after, transfersPage))
		if err != nil {
			return nil, err
		}
		page = bytes.TrimSpace(page)
		if len(page) == 0 {
			return all, nil
		}
		var last struct {
			Seq int64 `json:"seq"`
		}
		if err := json.Unmarshal(page[bytes.LastIndexByte(page, '\n')+1:], &last); err != nil || last.Seq <= after {
			return nil, problem("no_transfers", c.Transfers+" does not serve the transfers of a chain", "they are at /_sandbox/transfers of the sandbox")
		}
		after, all = last.Seq, append(append(all, page...), '\n')
	}
}

func isURL(where string) bool {
	return strings.HasPrefix(where, "http://") || strings.HasPrefix(where, "https://")
}

// commands is the record of the bus, from a file or from the bus.
func (c *judgeCmd) commands(ctx context.Context) ([]byte, error) {
	if c.Commands != "" {
		return c.read(ctx, c.Commands)
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
	return b.Bytes(), nil
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

// recordStreams writes every message of every account's streams to w, and of those that all share.
func recordStreams(ctx context.Context, js jetstream.JetStream, w io.Writer) error {
	out := bufio.NewWriter(w)
	streams := js.ListStreams(ctx)
	for info := range streams.Info() {
		name := info.Config.Name
		if !strings.HasPrefix(name, msgs.AskStream("")) && !strings.HasPrefix(name, msgs.LogStream("")) && name != msgs.DeadStream && name != msgs.QuotaStream {
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
