package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/actor/natsd"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/services/executor"
)

const (
	// eventsEnv is how many events the history holds; the goal is stated for 1,000,000.
	eventsEnv    = "SLUICE_RECOVERY_EVENTS"
	fewEvents    = 20_000
	keepEnv      = "SLUICE_RECOVERY_KEEP" // directory in which a history is kept, and found again
	recoverEnv   = "SLUICE_RECOVER"       // in a child: data directory and venue to recover with
	recoverAgain = 3                      // starts that are measured
)

func TestMain(m *testing.M) {
	if where := os.Getenv(recoverEnv); where != "" {
		dir, venue, _ := strings.Cut(where, " ")
		fmt.Fprintln(os.Stderr, recoverPlant(dir, venue))
		os.Exit(1)
	}
	actortest.Main(m)
}

// recoverPlant is a plant of one process: its own broker, and an executor. Market facts come from itself, as ingest would
// bring them.
func recoverPlant(dir, venue string) error {
	ctx, log := context.Background(), slog.New(slog.NewTextHandler(os.Stderr, nil))
	log.Info("process started")
	srv, err := natsd.Start(ctx, natsd.Config{Dir: dir, Env: string(msgs.Sandbox), Stored: actor.Stored})
	if err != nil {
		return err
	}
	log.Info("broker ready")
	nc, err := srv.Connect()
	if err != nil {
		return err
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	if err := actor.EnsureStreams(ctx, js, 1, "main"); err != nil {
		return err
	}
	b, err := json.Marshal(fact())
	if err != nil {
		return err
	}
	if _, err := js.Publish(ctx, msgs.MDSubject("polymarket", "market", condition), b); err != nil {
		return err
	}
	key, err := polymarket.ParseKey(benchKey)
	if err != nil {
		return err
	}
	return executor.Run(ctx, executor.Config{Env: msgs.Sandbox, NATS: nc, CLOB: venue, Log: log,
		Accounts: []executor.Account{{Name: "main", Key: key, Credentials: polymarket.Credentials{Key: "k", Secret: "AAAA", Passphrase: "p"}}}})
}

// From the start of a process that was killed to its first order at the venue: broker included, with the snapshot far behind
// the log's end, orders resting, and intents whose posts were never answered. SLUICE_RECOVERY_EVENTS=1000000 is the case
// for which a goal is stated; it takes some minutes to make. The figures are in docs/benchmarks.md; what is checked here is
// that every open intent is looked up before its order could be sent again, and that the order that waited is sent once.
func TestRecovery(t *testing.T) {
	h := history{events: fewEvents, open: 40, intents: 20}
	if s := os.Getenv(eventsEnv); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		h.events, h.open = n, 2*n/1000
	}
	h.behind = h.events / 20
	root := os.Getenv(keepEnv)
	if root == "" {
		root = t.TempDir()
	}
	images := map[string]string{"with snapshot": filepath.Join(root, "image"), "without snapshot": filepath.Join(root, "bare")}
	resting := h.kept(t, root)
	if resting == nil {
		began := time.Now()
		resting = h.live(t, filepath.Join(root, "past"), images["with snapshot"], images["without snapshot"])
		t.Logf("%d events made in %v; %d orders rest or were never answered", h.events, time.Since(began).Round(time.Second), len(resting))
		h.keep(t, root, resting)
	}
	for _, name := range []string{"with snapshot", "without snapshot"} {
		for i := range recoverAgain {
			dir := filepath.Join(root, "now")
			copyTo(t, images[name], dir)
			took, steps := h.recover(t, dir, resting)
			t.Logf("%s: %d ms to the first order (%s)", name, took.Milliseconds(), steps)
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			if name == "without snapshot" && i == 0 {
				break
			}
		}
	}
}

// keep notes what a history's venue shows; kept reads it, and gives nothing where there is none.
func (h history) keep(t *testing.T, root string, resting []msgs.Order) {
	t.Helper()
	b, err := json.Marshal(resting)
	if err == nil {
		err = os.WriteFile(h.note(root), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (h history) kept(t *testing.T, root string) (resting []msgs.Order) {
	t.Helper()
	b, err := os.ReadFile(h.note(root))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(b, &resting)
	}
	if err != nil {
		t.Fatal(err)
	}
	return resting
}

func (h history) note(root string) string {
	return filepath.Join(root, fmt.Sprintf("resting-%d.json", h.events))
}

// recover starts a plant on a directory, waits for its first order, kills it, and says how long that took and when each
// step was reached.
func (h history) recover(t *testing.T, dir string, resting []msgs.Order) (time.Duration, string) {
	t.Helper()
	v := &venue{t: t, resting: resting, lookups: map[string]int{}, posted: make(chan time.Time, 16)}
	front := httptest.NewServer(v)
	defer front.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(self)
	child.Env = append(os.Environ(), recoverEnv+"="+dir+" "+front.URL)
	said, err := child.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var steps []string
	var reading sync.WaitGroup
	reading.Go(func() {
		for lines := bufio.NewScanner(said); lines.Scan(); {
			if _, msg, ok := strings.Cut(lines.Text(), "msg="); ok && len(steps) < 6 {
				steps = append(steps, fmt.Sprintf("%d ms %.60s", time.Since(began).Milliseconds(), msg))
			}
		}
	})
	var took time.Duration
	select {
	case at := <-v.posted:
		took = at.Sub(began)
	case <-time.After(10 * time.Minute):
		t.Error("no order within ten minutes")
	}
	_ = child.Process.Kill()
	reading.Wait()
	_ = child.Wait() // it was killed
	v.check(h)
	cpu := child.ProcessState.UserTime() + child.ProcessState.SystemTime()
	return took, fmt.Sprintf("%d ms of CPU; %s", cpu.Milliseconds(), strings.Join(steps, "; "))
}

// venue shows what rests, and takes orders.
type venue struct {
	t       *testing.T
	resting []msgs.Order

	mu      sync.Mutex
	lookups map[string]int
	listed  int
	posts   []string
	posted  chan time.Time
}

const page = 500

func (v *venue) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := time.Now()
	body, _ := io.ReadAll(r.Body)
	v.mu.Lock()
	defer v.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch id, one := strings.CutPrefix(r.URL.Path, "/data/order/"); {
	case r.Method == http.MethodPost:
		v.posts = append(v.posts, string(body))
		v.posted <- at
		_, _ = io.WriteString(w, `{"success":true,"errorMsg":"","orderID":"0x00","status":"live"}`)
	case one:
		v.lookups[id]++
		for i := range v.resting {
			if string(v.resting[i].OrderID) == id {
				_ = json.NewEncoder(w).Encode(shown(&v.resting[i]))
				return
			}
		}
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"error":"order not found"}`)
	case r.URL.Path == "/data/orders":
		from, _ := strconv.Atoi(r.URL.Query().Get("next_cursor"))
		to, next := min(from+page, len(v.resting)), "LTE="
		if to < len(v.resting) {
			next = strconv.Itoa(to)
		}
		list := make([]map[string]any, 0, page)
		for i := from; i < to; i++ {
			list = append(list, shown(&v.resting[i]))
		}
		v.listed += len(list)
		_ = json.NewEncoder(w).Encode(map[string]any{"limit": page, "count": len(list), "next_cursor": next, "data": list})
	default:
		_, _ = io.WriteString(w, `{"limit":500,"count":0,"next_cursor":"LTE=","data":[]}`)
	}
}

func shown(o *msgs.Order) map[string]any {
	return map[string]any{"id": o.OrderID, "status": "LIVE", "owner": "k", "maker_address": "", "market": o.ConditionID, "asset_id": o.TokenID, "side": o.Side,
		"original_size": o.Size.String(), "size_matched": "0", "price": o.Price.String(), "outcome": "Yes", "order_type": o.OrderType, "expiration": "0",
		"created_at": time.Now().Unix(), "associate_trades": []string{}}
}

// check holds what a start has asked and sent against what it had to.
func (v *venue) check(h history) {
	v.t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.posts) != 1 {
		v.t.Errorf("%d posts: %v; want the order that waited", len(v.posts), v.posts)
	}
	if v.listed < len(v.resting) {
		v.t.Errorf("%d of %d resting orders were listed", v.listed, len(v.resting))
	}
	if got, want := len(v.resting), h.open+h.intents; got < want {
		v.t.Errorf("%d orders rest, want %d", got, want)
	}
}
