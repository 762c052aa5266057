package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sluice/pkg/actor"
)

// httpFlags say where a service answers questions about itself.
type httpFlags struct {
	HTTP string `name:"http" env:"SLUICE_HTTP" default:"127.0.0.1:8080" help:"Address of /healthz, /readyz and /metrics."`
}

func (a *app) logger(w io.Writer) *slog.Logger {
	level := slog.LevelInfo
	if a.cli.Debug {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// alone is a service in a process of its own.
type alone struct {
	name    string
	service interface {
		Run(context.Context) error
		Ready() error
	}
	metrics *prometheus.Registry
	beside  map[string]actor.Runner // what else runs with it
}

// serveAlone runs a service, and answers on f's address for its health, until the process is told to stop.
func (f *httpFlags) serveAlone(a *app, log *slog.Logger, s alone) error {
	l, err := listen(f.HTTP, "--http")
	if err != nil {
		return err
	}
	log.Info("health is answered", "url", "http://"+l.Addr().String())
	g := newGroup(log)
	g.add("health", func(ctx context.Context) error { return serveHealth(ctx, l, s.service.Ready, s.metrics) })
	g.add(s.name, s.service.Run)
	for name, run := range s.beside {
		g.add(name, run)
	}
	return g.run(a.ctx)
}

// serveHealth answers /healthz (the process runs), /readyz (it does its work) and /metrics on l until ctx ends.
func serveHealth(ctx context.Context, l net.Listener, ready func() error, metrics *prometheus.Registry) error {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	mux.Handle("/metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve health: %w", err)
	case <-ctx.Done():
		return srv.Close()
	}
}

type healthcheckCmd struct {
	URL string `name:"url" default:"http://127.0.0.1:8080/readyz" help:"What to ask."`
}

// Run asks once; it is what a container's health check calls.
func (c *healthcheckCmd) Run(a *app) error {
	ctx, cancel := context.WithTimeout(a.ctx, askTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL, nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", c.URL, err)
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		return problem("not_running", fmt.Sprintf("no answer from %s: %v", c.URL, err), "see the log of the process")
	}
	defer r.Body.Close()
	text, err := io.ReadAll(io.LimitReader(r.Body, 4<<10))
	if err != nil {
		return fmt.Errorf("read %s: %w", c.URL, err)
	}
	if r.StatusCode != http.StatusOK {
		return problem("not_ready", string(text), "see the log of the process")
	}
	return nil
}

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(a *app) error {
	return a.print(map[string]string{"version": version}, []string{"VERSION"}, [][]string{{version}})
}
