package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"sluice/pkg/actor"
	"sluice/pkg/actor/natsd"
	"sluice/pkg/msgs"
	"sluice/pkg/msgs/msgstest"
)

// bus is an embedded server that nothing runs on.
type bus struct {
	*natsd.Server
	dir string
}

// startBus runs a server of an env that has the streams of the accounts.
func startBus(t *testing.T, env string, accounts ...msgs.Account) *bus {
	t.Helper()
	b := &bus{dir: t.TempDir()}
	var err error
	b.Server, err = natsd.Start(t.Context(), natsd.Config{Dir: b.dir, Env: env, Listen: "127.0.0.1:0", Stored: actor.Stored})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Shutdown(); err != nil {
			t.Error(err)
		}
	})
	nc := b.service(t)
	js, err := jetStream(nc)
	if err != nil {
		t.Fatal(err)
	}
	if err := actor.EnsureStreams(t.Context(), js, 1, accounts...); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bus) service(t *testing.T) *nats.Conn {
	t.Helper()
	nc, err := b.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func deadLetters(t *testing.T, r *running) {
	var none struct{ Dead []msgs.Dead }
	one(t, ok(t, r.tool("dead", "list", "-o", "json")...), &none)
	if len(none.Dead) != 0 {
		t.Errorf("dead before anything died: %+v", none)
	}
	flags := busFlags{NATS: r.NATS, Data: r.Data}
	nc, err := flags.service()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := nc.Request(msgs.FeedSubject("second", "order"), []byte("not JSON"), patience); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the letter is listed", func() bool {
		return strings.Contains(ok(t, r.tool("dead", "list")...), "feed.second.order")
	})
	says(t, "table", ok(t, r.tool("dead", "list")...), "REASON", "bad_json")
	one(t, ok(t, r.tool("dead", "list", "-o", "json")...), &none)
	if len(none.Dead) != 1 || none.Dead[0].Data != "not JSON" {
		t.Errorf("%+v", none)
	}
}

// checkup is the doctor's list.
type checkup struct {
	OK     bool
	Checks []finding
}

func doctorOf(t *testing.T, r told) checkup {
	t.Helper()
	var c checkup
	one(t, r.out, &c)
	if c.OK != (r.code == 0) {
		t.Errorf("ok is %v and the exit code %d", c.OK, r.code)
	}
	return c
}

// finding gives one check in the form of an error.
func (c checkup) finding(t *testing.T, check string) (f failure) {
	t.Helper()
	for _, x := range c.Checks {
		if x.Check == check {
			f.Error.Code, f.Error.Cause, f.Error.Fix = strconv.FormatBool(x.OK), x.Saw, x.Fix
			return f
		}
	}
	t.Fatalf("the doctor has not looked at %q: %+v", check, c)
	return f
}

func doctors(t *testing.T, r *running) {
	args := r.tool("doctor", "--clob", r.CLOB, "--http", strings.TrimPrefix(r.HTTP, "http://"))
	c := doctorOf(t, call(t, append(args, "-o", "json")...))
	if !c.OK {
		t.Errorf("not well: %+v", c)
	}
	for check, saw := range map[string]string{
		"accounts": "deposit (deposit)", "services": "ready", "bus": r.NATS, "account main": "venue ok", "stream LOG_main": "messages",
		"venue": r.CLOB, "clock": "within", "wallet of main": "a Safe of", "gas of eoa": "1000 POL", "approvals of proxy": "all that orders need", "address of deposit": "is the deposit wallet of",
		"relayer for main": "takes the credentials", "work of main": "units of today", "settings": "env sandbox", "data": "held by process " + strconv.Itoa(r.cmd.Process.Pid),
	} {
		if f := c.finding(t, check); f.Error.Code != "true" || !strings.Contains(f.Error.Cause, saw) {
			t.Errorf("%s: %+v, want it to say %q", check, f, saw)
		}
	}
	says(t, "table", ok(t, args...), "ok", "CHECK", "held by process", "within")
	ok(t, r.tool("halt", "--account", "proxy")...)
	res := call(t, args...)
	refused(t, res)
	says(t, "doctor of a halted account", res.out, "FAIL", "HALTED", "sluice resume --account proxy")
	ok(t, r.tool("resume", "--account", "proxy")...)
}

func TestDoctorSaysWhatDoesNotRun(t *testing.T) {
	c := doctorOf(t, call(t, "doctor", "-o", "json", "--nats", "nats://127.0.0.1:1", "--clob", "http://127.0.0.1:1", "--http", "127.0.0.1:1", "--data", t.TempDir()))
	for _, check := range []string{"services", "bus", "venue"} {
		if f := c.finding(t, check); f.Error.Code != "false" || !strings.Contains(f.Error.Fix, "sluice up") {
			t.Errorf("%s: %+v", check, f)
		}
	}
}

func TestDoctorSaysWhoHeldTheDirectory(t *testing.T) {
	b := startBus(t, "sandbox")
	at := func() string {
		return doctorOf(t, call(t, "doctor", "-o", "json", "--nats", "nats://127.0.0.1:1", "--clob", "http://127.0.0.1:1", "--http", "127.0.0.1:1", "--data", b.dir)).finding(t, "data").Error.Cause
	}
	says(t, "while it runs", at(), "held by process "+strconv.Itoa(os.Getpid()), strings.TrimPrefix(b.ClientURL(), "nats://"))
	if err := b.Shutdown(); err != nil {
		t.Fatal(err)
	}
	says(t, "afterwards", at(), "held by nobody now", strconv.Itoa(os.Getpid()))
}

// judgesWork shows that what a record tells of on-chain work is held against the chain, whose transfers are asked for by page.
func judgesWork(t *testing.T, r *running, record string) {
	b, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	line, err := json.Marshal(recordLine{Stream: "LOG_main", Subject: "evt.tx.main", Seq: 1 << 40, StoredUS: time.Now().UnixMicro(),
		Data: `{"events":[{"type":"tx.confirmed","request_id":"unheard-of","tx_hash":"0xabc","effect":{"pUSD":"5"}}]}`})
	if err != nil {
		t.Fatal(err)
	}
	forged := filepath.Join(t.TempDir(), "false.jsonl")
	if err := os.WriteFile(forged, append(append(b, line...), '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	journal := r.CLOB + "/_sandbox/journal"
	out := ok(t, "judge", "--journal", journal, "--commands", record)
	says(t, "on-chain work", out, "on-chain work: content", "confirmed 1")
	if strings.Contains(out, "unfamiliar") {
		t.Errorf("what was judged is unfamiliar:\n%s", out)
	}
	res := call(t, "judge", "--journal", journal, "--commands", forged)
	refused(t, res)
	says(t, "made-up work", res.out, "on-chain work: not content", "1  work_unasked", "unheard-of", "1  wrong_effect")
	if f := call(t, "judge", "-o", "json", "--journal", journal, "--commands", record, "--transfers", journal).failure(t); f.Error.Code != "no_transfers" {
		t.Errorf("a journal for transfers: %+v", f)
	}
}

// describes holds every event, the private feed and the dead letters of a run against the closed schemas.
func describes(t *testing.T, record string) {
	t.Helper()
	v, err := msgstest.New()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(record)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n, err := v.CheckRecord(f, func(subject string) bool {
		return strings.HasPrefix(subject, msgs.QuotaSubject("")) || // read by its keepers alone
			strings.HasPrefix(subject, "cmd.") || // one is wrong on purpose
			subject == msgs.FeedSubject("second", "order") // not JSON, for a dead letter
	})
	if err != nil || n == 0 {
		t.Errorf("of what was said %d messages were held against their schemas: %v", n, err)
	}
}

func judges(t *testing.T, r *running) {
	journal := []string{"--journal", r.CLOB + "/_sandbox/journal"}
	record := filepath.Join(t.TempDir(), "record.jsonl")
	says(t, "verdict", ok(t, r.tool(append([]string{"judge", "--record", record}, journal...)...)...), "content")
	describes(t, record)
	var v struct {
		Content bool `json:"content"`
		Filled  int  `json:"orders_filled"`
		Work    bool `json:"tx_content"`
	}
	one(t, ok(t, r.tool(append([]string{"judge", "-o", "json"}, journal...)...)...), &v)
	if !v.Content || !v.Work || v.Filled == 0 {
		t.Errorf("verdict: %+v", v)
	}
	judgesWork(t, r, record)

	// The same record without its first event is not what the judge wants to see.
	b, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for line := range strings.Lines(string(b)) {
		var l recordLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		if l.Stream == "LOG_main" && strings.Contains(l.Data, "order.submitting") {
			continue
		}
		kept = append(kept, line)
	}
	if err := os.WriteFile(record, []byte(strings.Join(kept, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	res := call(t, append([]string{"judge", "--commands", record}, journal...)...)
	refused(t, res)
	says(t, "verdict without intents", res.out, "not content", "unlogged")
	f := call(t, "judge", "-o", "json", "--journal", filepath.Join(t.TempDir(), "none"), "--commands", record).failure(t)
	if f.Error.Code != "no_file" {
		t.Errorf("judge of no journal: %+v", f)
	}
}
