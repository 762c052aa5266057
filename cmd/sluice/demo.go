package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"sluice/pkg/msgs"
	"sluice/pkg/sandbox/judge"
)

const (
	// shortestDemo and longestDemo bound --for: below, not every flow has its turn; above, the journal, which is kept in
	// memory, grows beyond what a demonstration should take.
	shortestDemo, longestDemo = time.Second, time.Hour
	// demoSettle is how long what is under way at the end may take: a FOK or FAK order whose answer was lost is looked up for
	// half a minute before it is given up.
	demoSettle = time.Minute
)

type demoCmd struct {
	limitFlags
	For  time.Duration `name:"for" default:"20s" help:"How long the strategy trades, 1s to 1h. What is then under way ends in some seconds more."`
	Data string        `name:"data" type:"path" help:"Folder to keep everything in, new or empty; without it a temporary one that is removed when the judge is content."`
	Seed uint64        `name:"seed" default:"1" help:"Of everything left to chance by the strategy, the weather and the venue."`

	settle  time.Duration                             // of a test that waits in vain; 0 is demoSettle
	between func(http.RoundTripper) http.RoundTripper // stands between the executor and the venue, of a test that breaks it
	carries func(http.RoundTripper) http.RoundTripper // the same of the relayer
}

// demoReport is what a demonstration came to. Everything but the books heard is the judge's, from the venue's journal and
// what stands on the bus.
type demoReport struct {
	OrdersSubmitted     int   `json:"orders_submitted"`
	OrdersAccepted      int   `json:"orders_accepted"`
	OrdersFilled        int   `json:"orders_filled"`
	OrdersCancelled     int   `json:"orders_cancelled"`
	OrdersRejected      int   `json:"orders_rejected"`
	OrdersUnknownOpen   int   `json:"orders_unknown_open"`
	DuplicatesAtVenue   int   `json:"duplicates_at_venue"`
	Lost                int   `json:"lost"`
	LateSends           int   `json:"late_sends"`
	BooksPublished      int64 `json:"books_published"`
	FeedEvents          int   `json:"feed_events"`
	LedgerTransactions  int   `json:"ledger_transactions"`
	LedgerDiscrepancies int   `json:"ledger_discrepancies"`
	FillsPending        int   `json:"fills_pending"`
	TxRequests          int   `json:"tx_requests"`
	TxConfirmed         int   `json:"tx_confirmed"`
	TxByRelayer         int   `json:"tx_by_relayer"`
	TxByOwnGas          int   `json:"tx_by_own_gas"`
	TxWrong             int   `json:"tx_wrong"`
}

// sentence is what the judge says of a demonstration: of its orders, of its books, and of its work on chain.
type sentence struct {
	judge.Verdict
	books judge.Books
	work  judge.Work
}

// content reports that nothing was wrong and nothing is under way any more.
func (s *sentence) content() bool {
	return s.Content() && s.books.Discrepancies == 0 && s.FillsPending == 0 && s.OrdersUnknownOpen == 0 && s.work.Content() && s.work.Waiting == 0
}

// Run trades for a while in bad weather and ends with 1 when the judge finds anything wrong.
func (c *demoCmd) Run(a *app) (err error) {
	if a.cli.Env != string(msgs.Sandbox) {
		return problem("wrong_env", "sluice demo trades with play money at a venue of its own, and --env is "+a.cli.Env, "leave out --env and --live")
	}
	if c.For < shortestDemo || c.For > longestDemo {
		return problem(msgs.BadValue, fmt.Sprintf("--for %s: a demonstration takes %s to %s", c.For, shortestDemo, longestDemo), "give a duration such as 20s")
	}
	dir, err := c.folder()
	if err != nil {
		return err
	}
	keep := c.Data != ""
	defer func() {
		if !keep {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	d, v, err := c.play(a, dir)
	if err != nil {
		return err
	}
	keep = keep || !v.content()
	if err := a.report(d, v); err != nil {
		return err
	}
	if v.content() {
		return nil
	}
	fmt.Fprintln(a.err, v.Verdict)
	for _, f := range v.books.Findings {
		fmt.Fprintln(a.err, "books:", f)
	}
	if !v.work.Content() || v.work.Waiting > 0 {
		fmt.Fprintln(a.err, v.work)
	}
	fmt.Fprintf(a.err, "what happened is in %s: journal.jsonl, record.jsonl, transfers.jsonl, sluice.log\n", dir)
	return exitCode(1)
}

// folder is where everything goes.
func (c *demoCmd) folder() (string, error) {
	if c.Data == "" {
		dir, err := os.MkdirTemp("", "sluice-demo-")
		if err != nil {
			return "", problem("no_folder", err.Error(), "name a folder with --data")
		}
		return dir, nil
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return "", problem("no_folder", err.Error(), "name another folder with --data")
	}
	entries, err := os.ReadDir(c.Data)
	if err != nil || len(entries) > 0 {
		return "", problem("no_folder", fmt.Sprintf("%s is not an empty folder (%d entries, %v)", c.Data, len(entries), err), "a demonstration begins with nothing: name another folder with --data")
	}
	return c.Data, nil
}

// play is the demonstration: start, trade, calm down, end, judge.
func (c *demoCmd) play(a *app, dir string) (*demo, *sentence, error) {
	d, err := c.start(a, dir)
	if err != nil {
		return nil, nil, err
	}
	defer d.close()
	if err := d.ready(a.ctx); err != nil {
		return nil, nil, err
	}
	a.say(fmt.Sprintf("trading for %s in bad weather: lost requests and answers, cut sockets, a restart of the venue's engine, a crash of the executor", c.For))
	trading, stop := context.WithTimeout(a.ctx, c.For)
	defer stop()
	weather, work := d.weather(trading, c.For), make(chan error, 1)
	working, leave := context.WithCancel(a.ctx)
	defer leave()
	go func() { work <- d.onChain(working) }()
	err = d.strategy(c.Seed).trade(trading)
	stop()
	if err != nil {
		leave()
	}
	if err = errors.Join(err, <-weather, <-work); err == nil {
		err = d.calm(a.ctx)
	}
	if err != nil {
		return nil, nil, err
	}
	d.stop()
	v, err := d.judge(context.WithoutCancel(a.ctx))
	return d, v, err
}

// calm ends everything that is open and waits until nothing is under way any more, or for demoSettle.
func (d *demo) calm(ctx context.Context) error {
	if err := d.ready(ctx); err != nil {
		return err
	}
	for _, acc := range d.accounts {
		cmd := &msgs.CancelAll{Common: msgs.Common{SentMS: time.Now().UnixMilli()}, RequestID: "demo-end"}
		if _, err := send(d.bus, msgs.CmdSubject(msgs.FamilyOrder, acc.Name, msgs.VerbCancelAll), "", cmd); err != nil {
			return err
		}
	}
	d.app.say("waiting for what is under way: an order whose answer was lost is looked up for up to half a minute")
	for end := time.Now().Add(cmp.Or(d.cmd.settle, demoSettle)); time.Now().Before(end); {
		v, err := d.judge(ctx)
		if err != nil {
			return err
		}
		if v.content() && v.OrdersOpen == 0 {
			return nil
		}
		if err := d.wait(ctx, judgeEvery); err != nil {
			return err
		}
	}
	return nil
}

// judge hands the venue's journal, its chain, and what stands on the bus to the judge, and leaves all in the folder.
func (d *demo) judge(ctx context.Context) (*sentence, error) {
	journal := bytes.Join(d.box.Journal(0), nil)
	transfers, err := d.transfers()
	if err != nil {
		return nil, err
	}
	var record bytes.Buffer
	js, err := jetStream(d.nc)
	if err == nil {
		err = recordStreams(ctx, js, &record)
	}
	for name, b := range map[string][]byte{"record.jsonl": record.Bytes(), "transfers.jsonl": transfers} {
		if err == nil {
			err = os.WriteFile(filepath.Join(d.dir, name), b, 0o600)
		}
	}
	s := &sentence{}
	if err == nil {
		s.Verdict, err = judge.Judge(bytes.NewReader(journal), bytes.NewReader(record.Bytes()), judge.Options{})
	}
	if err == nil {
		s.books, err = judge.JudgeBooks(bytes.NewReader(journal), bytes.NewReader(transfers), bytes.NewReader(record.Bytes()), judge.Options{})
	}
	if err == nil {
		s.work, err = judge.JudgeWork(bytes.NewReader(journal), bytes.NewReader(transfers), bytes.NewReader(record.Bytes()), judge.Options{})
	}
	if err != nil {
		return nil, fmt.Errorf("judge the demonstration: %w", err)
	}
	return s, nil
}

// transfers are the logs of the venue's chain, as JSON lines.
func (d *demo) transfers() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for after := int64(0); ; {
		logs := d.box.Transfers(after, transfersPage)
		if len(logs) == 0 {
			return b.Bytes(), nil
		}
		for i := range logs {
			after = logs[i].Seq
			if err := enc.Encode(&logs[i]); err != nil {
				return nil, fmt.Errorf("encode transfers: %w", err)
			}
		}
	}
}

// transfersPage is how many transactions are asked for at once.
const transfersPage = 1000

// report prints what came of it: one object, or a table.
func (a *app) report(d *demo, v *sentence) error {
	r := demoReport{OrdersSubmitted: v.OrdersSubmitted, OrdersAccepted: v.OrdersAccepted, OrdersFilled: v.OrdersFilled, OrdersCancelled: v.OrdersCancelled,
		OrdersRejected: v.OrdersRejected, OrdersUnknownOpen: v.OrdersUnknownOpen, DuplicatesAtVenue: v.DuplicatesAtVenue, Lost: v.Lost, LateSends: v.LateSends,
		BooksPublished: d.books.Load(), FeedEvents: v.FeedEvents, LedgerTransactions: v.books.Transactions, LedgerDiscrepancies: v.books.Discrepancies,
		FillsPending: v.FillsPending, TxRequests: v.work.Requests, TxConfirmed: v.work.Confirmed, TxByRelayer: v.work.ByRelayer, TxByOwnGas: v.work.ByOwnGas}
	for _, n := range v.work.Wrong {
		r.TxWrong += n
	}
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode report: %w", err)
	}
	if a.cli.Output == "json" {
		fmt.Fprintf(a.out, "%s\n", b)
		return nil
	}
	var rows [][]string
	fields := json.NewDecoder(bytes.NewReader(b))
	for name := ""; ; {
		t, err := fields.Token()
		if err != nil {
			break
		}
		switch t := t.(type) {
		case string:
			name = t
		case float64:
			rows = append(rows, []string{name, fmt.Sprint(int64(t))})
		}
	}
	return a.print(nil, []string{"WHAT", "HOW MANY"}, rows)
}
