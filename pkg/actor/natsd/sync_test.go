package natsd

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// foreign runs a server that is not ours, with a monitor, and returns a connection and the monitor's address.
func foreign(t *testing.T, name string, syncAlways bool) (*nats.Conn, string) {
	t.Helper()
	srv, err := server.NewServer(&server.Options{
		ServerName: name, Host: "127.0.0.1", Port: -1, HTTPHost: "127.0.0.1", HTTPPort: -1, NoSigs: true,
		JetStream: true, StoreDir: t.TempDir(), JetStreamMaxMemory: 1 << 20, JetStreamMaxStore: 1 << 20, SyncAlways: syncAlways,
	})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { stop(srv) })
	if !srv.ReadyForConnections(10 * time.Second) {
		t.Fatal("server does not start")
	}
	nc, err := nats.Connect(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc, "http://" + srv.MonitorAddr().String()
}

// TestExternalServerMustShowThatItSyncs asks servers that sync, that do not, and whose monitor proves nothing.
func TestExternalServerMustShowThatItSyncs(t *testing.T) {
	good, goodURL := foreign(t, "good", true)
	lazy, lazyURL := foreign(t, "lazy", false)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(`{}`)) }))
	t.Cleanup(other.Close)
	silent := httptest.NewServer(http.NotFoundHandler())
	silent.Close()

	for _, c := range []struct {
		name     string
		nc       *nats.Conn
		monitors []string
		ok       bool
		shown    bool
		says     string
	}{
		{"it syncs", good, []string{goodURL + "/"}, true, false, ""},
		{"it syncs, a peer is away", good, []string{silent.URL, goodURL}, true, false, ""},
		{"it does not sync", lazy, []string{lazyURL}, false, true, "sync_interval: always"},
		{"a peer does not sync", good, []string{goodURL, lazyURL}, false, true, `"lazy"`},
		{"no monitor", good, nil, false, false, "no monitor address"},
		{"another server's monitor", lazy, []string{goodURL}, false, false, "other servers"},
		{"monitor away", good, []string{silent.URL}, false, false, "http_port"},
		{"not a monitor", good, []string{other.URL}, false, false, "not the answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := CheckSync(t.Context(), c.nc, http.DefaultClient, c.monitors...)
			if c.ok {
				if err != nil {
					t.Error(err)
				}
				return
			}
			e, isNoSync := errors.AsType[*NoSyncError](err)
			if !isNoSync {
				t.Fatalf("error %v, want a NoSyncError", err)
			}
			if e.Shown != c.shown || !strings.Contains(e.Error(), c.says) {
				t.Errorf("shown %t, text %q; want shown %t, text with %q", e.Shown, e, c.shown, c.says)
			}
		})
	}
}
