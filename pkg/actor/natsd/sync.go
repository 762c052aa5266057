package natsd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/nats-io/nats.go"
)

// maxVarz bounds a monitor's answer, in bytes: some KiB in practice.
const maxVarz = 1 << 20

// NoSyncError reports that a server does not sync what it acknowledges, or that this could not be found out.
type NoSyncError struct {
	// Server is the name of the server asked about.
	Server string
	// Shown is true when the server itself says that it does not sync.
	Shown bool
	// Err is why nothing was shown; nil otherwise.
	Err error
}

func (e *NoSyncError) Error() string { return e.Cause() + "; " + e.Fix() }

// Unwrap is why nothing was shown.
func (e *NoSyncError) Unwrap() error { return e.Err }

// Cause says what is the danger.
func (e *NoSyncError) Cause() string {
	if e.Shown {
		return fmt.Sprintf("NATS server %q acknowledges appends before they are on disk: after a power cut up to two minutes of orders would be forgotten and could be sent again", e.Server)
	}
	return fmt.Sprintf("cannot show that NATS server %q syncs what it acknowledges: %v", e.Server, e.Err)
}

// Fix says what to do.
func (e *NoSyncError) Fix() string {
	if e.Shown {
		return `set "sync_interval: always" in the jetstream block of its configuration and restart it`
	}
	return `give the server "http_port: 8222" and name that address here as the NATS monitor`
}

// CheckSync finds out whether the server that nc is connected to syncs every append before acknowledging it, and
// returns a *NoSyncError unless that is shown. An ordinary account cannot ask the server, so its monitors are asked
// over HTTP: of a cluster name them all, because whoever becomes leader must sync too. Every monitor that answers
// must say yes, and the connected server must be among them.
func CheckSync(ctx context.Context, nc *nats.Conn, client *http.Client, monitors ...string) error {
	name := nc.ConnectedServerName()
	if len(monitors) == 0 {
		return &NoSyncError{Server: name, Err: errors.New("no monitor address is configured")}
	}
	shown := false
	var errs []error
	for _, m := range monitors {
		v, err := readVarz(ctx, client, m)
		switch {
		case err != nil:
			errs = append(errs, err)
			continue
		case !v.JetStream.Config.SyncAlways:
			return &NoSyncError{Server: v.ServerName, Shown: true}
		}
		shown = shown || v.ServerID == nc.ConnectedServerId()
	}
	if shown {
		return nil
	}
	if len(errs) == 0 {
		errs = append(errs, fmt.Errorf("the monitors %s belong to other servers", strings.Join(monitors, ", ")))
	}
	return &NoSyncError{Server: name, Err: errors.Join(errs...)}
}

// varz is the part of a monitor's answer that matters here.
type varz struct {
	ServerID   string `json:"server_id"`
	ServerName string `json:"server_name"`
	JetStream  struct {
		Config struct {
			SyncAlways bool `json:"sync_always"`
		} `json:"config"`
	} `json:"jetstream"`
}

// readVarz asks the monitor at base ("http://host:8222").
func readVarz(ctx context.Context, client *http.Client, base string) (v varz, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base, "/")+"/varz", nil)
	if err != nil {
		return v, fmt.Errorf("monitor address: %w", err)
	}
	res, err := client.Do(r)
	if err != nil {
		return v, fmt.Errorf("ask monitor: %w", err)
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	if res.StatusCode != http.StatusOK {
		return v, fmt.Errorf("ask monitor %s: status %s", base, res.Status)
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxVarz)).Decode(&v); err != nil {
		return v, fmt.Errorf("read monitor %s: %w", base, err)
	}
	if v.ServerID == "" {
		return v, fmt.Errorf("read monitor %s: not the answer of a NATS server", base)
	}
	return v, nil
}
