package crash

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// TestIntentIsSyncedBeforeTheFirstByte traces the system calls of broker and executor and finds, for every order, three of
// them in this order: the write of its intent to the log's file ends, a sync of that file ends, and then the first byte of
// the request that places the order is written to the venue's connection.
func TestIntentIsSyncedBeforeTheFirstByte(t *testing.T) {
	t.Parallel()
	for i, why := range unsynced(t, &plant{t: t, dir: t.TempDir(), port: "127.0.0.1:0"}) {
		if why != "" {
			t.Errorf("order %d: %s", i, why)
		}
	}
}

// TestTraceShowsABrokerThatDoesNotSync is the same with a broker that acknowledges first, and finds every order unsynced.
func TestTraceShowsABrokerThatDoesNotSync(t *testing.T) {
	t.Parallel()
	for i, why := range unsynced(t, &plant{t: t, dir: t.TempDir(), port: "127.0.0.1:0", lax: true}) {
		if why != neverSynced {
			t.Errorf("order %d: %q, want %q", i, why, neverSynced)
		}
	}
}

// unsynced says for some orders why each left too early, "" for those that did not.
func unsynced(t *testing.T, p *plant) (why []string) {
	t.Helper()
	needed(t, "strace")
	const orders = 5
	p.begin()
	file := filepath.Join(t.TempDir(), "trace")
	e := p.traced(file)
	p.owned(e)
	book := p.logbook()
	for i := range orders {
		p.command("submit", "{'client_order_id':'s-%d','market':'sandbox-coin','outcome':'Yes','side':'BUY','type':'GTC','price':'0.1%d','size':'5'}", i, i)
		p.until("the order is open", func() bool { book.read(); return book.state[fmt.Sprint("s-", i)] == "open" }, e)
	}
	e.group(t, syscall.SIGTERM)
	<-e.done // the tracer has written all that it saw
	calls := readTrace(t, file)
	for i := range orders {
		intent := book.events("order.submitting", fmt.Sprint("s-", i))[0].Orders[0]
		why = append(why, calls.unsynced(fmt.Sprintf(`salt\":%d,`, intent.Salt)))
	}
	return why
}

// traced starts the broker anew, and an executor, both under the eyes of one tracer, whose lines are in the order in which
// it saw the calls begin and end.
func (p *plant) traced(file string) *process {
	p.t.Helper()
	first := p.executor("") // makes the streams
	p.owned(first)
	first.kill()
	p.broker.kill()
	p.started++
	name := fmt.Sprintf("executor-%d", p.started)
	e := launch(p.t, name, p.brokerEnv(), true, true, "strace", "-f", "-y", "-s", "8192", "-e", "trace=write,writev,pwrite64,pwritev,fsync,fdatasync", "-o", file,
		"sh", "-c", `"$0" & exec "$@"`, self(p.t), program(p.t), "executor", "--nats", p.serviceURL(p.port), "--http", "127.0.0.1:0",
		"--clob", p.urls.CLOB, "--owner", name, "--unsafe-no-sync")
	p.t.Cleanup(func() { e.group(p.t, syscall.SIGKILL) })
	p.until("the connections are back", func() bool { return p.bus.IsConnected() && p.service.IsConnected() }, e)
	return e
}

const neverSynced = "its intent was not synced before the request"

// needed skips a test that needs a program which is missing, or fails it where everything must run.
func needed(t *testing.T, name string) {
	t.Helper()
	_, err := exec.LookPath(name)
	switch {
	case err == nil:
	case os.Getenv("SLUICE_REQUIRE_ALL") == "1":
		t.Fatalf("%s is missing: install it", name)
	default:
		t.Skipf("%s is missing: install it to run this test", name)
	}
}

// trace is what a tracer saw, a line for each call, or two when others came between its begin and its end.
type trace []string

func readTrace(t *testing.T, file string) (lines trace) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		lines = append(lines, s.Text())
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

// unsynced says why the order whose intent and request both contain text left too early, "" when it did not.
func (c trace) unsynced(text string) string {
	blocks := regexp.MustCompile(`^\d+ +p?writev?(?:64)?\(\d+<([^>]*/LOG_` + account + `/msgs/\d+\.blk)>`)
	var block string
	written, synced, sent := -1, -1, -1
	for i, line := range c {
		if m := blocks.FindStringSubmatch(line); m != nil && written < 0 && strings.Contains(line, text) {
			block, written = m[1], c.end(i)
		}
		if written >= 0 && synced < 0 && i > written && syncs(line, block) {
			synced = c.end(i)
		}
		if toVenue(line) && strings.Contains(line, text) {
			sent = c.head(i)
			break
		}
	}
	switch {
	case written < 0:
		return "its intent was never written to the log's file"
	case sent < 0:
		return "no request was written"
	case synced < 0:
		return neverSynced
	case sent < synced:
		return fmt.Sprintf("the request begins on line %d and the sync ends on line %d", sent, synced)
	}
	return ""
}

// syncs reports the begin of a sync of the file.
func syncs(line, file string) bool {
	return (strings.Contains(line, " fsync(") || strings.Contains(line, " fdatasync(")) && strings.Contains(line, "<"+file+">")
}

// toVenue reports the begin of a write to a TCP connection that is no publication to the broker.
func toVenue(line string) bool {
	return strings.Contains(line, " write(") && strings.Contains(line, "<socket:") && !strings.Contains(line, "PUB ")
}

// end is the line on which the call of line i ends: the same, or where the same thread resumes.
func (c trace) end(i int) int {
	if !strings.HasSuffix(c[i], "<unfinished ...>") {
		return i
	}
	thread, _, _ := strings.Cut(c[i], " ")
	for k := i + 1; k < len(c); k++ {
		if strings.HasPrefix(c[k], thread+" ") {
			return k
		}
	}
	return len(c)
}

// head is the line on which the request begins whose body is written on line i: its headers go first on the same connection.
func (c trace) head(i int) int {
	at := regexp.MustCompile(`\(\d+<[^>]*>`).FindString(c[i])
	for k := i; k >= 0; k-- {
		if strings.Contains(c[k], " write"+at) && strings.Contains(c[k], `"POST /order`) {
			return k
		}
	}
	return -1
}
