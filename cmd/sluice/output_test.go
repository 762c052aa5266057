package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"

	"sluice/pkg/actor"
	"sluice/pkg/actor/natsd"
)

// A log that cannot be read has a code, a cause, and what to do, each in its place, and ends its service at once: starting it again does
// not help.
func TestLogThatCannotBeReadIsExplained(t *testing.T) {
	for _, purged := range []bool{false, true} {
		broken := &actor.LogError{Stream: "LOG_main", Seq: 17, Cause: "event 5 follows event 3", Purged: purged}
		starts := 0
		g := newGroup(slog.New(slog.DiscardHandler))
		g.add("orders", func(context.Context) error {
			starts++
			return fmt.Errorf("orders of main: %w", broken)
		})
		err := g.run(t.Context())
		if !errors.Is(err, error(broken)) || starts != 1 {
			t.Errorf("started %d times, and ended with %v", starts, err)
		}
		e := explain(err)
		if e.Code != "log_unreadable" || !strings.Contains(e.Cause, "event 5 follows event 3") || strings.Contains(e.Cause, "estore") || !strings.Contains(e.Fix, "estore") || e.Fix == seeDoctor {
			t.Errorf("explained as %+v", e)
		}
	}
}

// A bus that restarts while it is asked whether it syncs is asked again when it is back. One that is there and cannot be shown to sync is
// refused at once.
func TestBusThatRestartsIsAskedAgainWhetherItSyncs(t *testing.T) {
	server, err := natsd.Start(t.Context(), natsd.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Shutdown(); err != nil {
			t.Error(err)
		}
	})
	nc, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	var asked atomic.Int32
	shows := true
	monitor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 && shows {
			if err := server.Restart(t.Context()); err != nil {
				t.Error(err)
			}
		}
		id := "another"
		if shows && nc.Status() == nats.CONNECTED {
			id = nc.ConnectedServerId()
		}
		fmt.Fprintf(w, `{"server_id":%q,"server_name":"n","jetstream":{"config":{"sync_always":true}}}`, id)
	}))
	defer monitor.Close()
	f := serviceFlags{Monitor: []string{monitor.URL}}
	log := slog.New(slog.DiscardHandler)
	if err := f.checkSync(t.Context(), log, nc); err != nil || asked.Load() < 2 {
		t.Errorf("asked %d times: %v", asked.Load(), err)
	}
	shows = false
	asked.Store(0)
	if err := f.checkSync(t.Context(), log, nc); !is[*natsd.NoSyncError](err) || asked.Load() != 1 {
		t.Errorf("a bus that is there is asked %d times: %v", asked.Load(), err)
	}
}
