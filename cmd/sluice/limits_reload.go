package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"sluice/services/executor"
)

// limitFlags say which figures an executor keeps below.
type limitFlags struct {
	Files   []string `name:"limits" env:"SLUICE_LIMITS" type:"path" help:"Files of limits of your own; read again whenever they change."`
	Profile string   `name:"limits-profile" env:"SLUICE_LIMITS_PROFILE" default:"polymarket" help:"Profile of limits; see: sluice limits list."`
	Tier    string   `name:"limits-tier" env:"SLUICE_LIMITS_TIER" help:"Tier of every signer until the venue shows another; the lowest when absent."`
	Factor  string   `name:"limits-factor" env:"SLUICE_LIMITS_FACTOR" default:"0.8" help:"Share of each figure that is used, above 0 and up to 1."`
	Ceiling string   `name:"limits-ceiling" env:"SLUICE_LIMITS_CEILING" default:"1" help:"Highest utilisation of any figure."`

	KeepCancel bool `name:"limits-keep-cancel" env:"SLUICE_LIMITS_KEEP_CANCEL" help:"Leave room for another cancel behind a halt or a cancel of everything: many orders are then ended in chunks, which takes longer."`
}

// read loads the figures as they stand in the files now.
func (f *limitFlags) read() (executor.Limits, error) {
	p := profileFlags{catalogueFlags: catalogueFlags{Files: slices.Clone(f.Files)}, Profile: f.Profile, Tier: f.Tier, Factor: f.Factor, Ceiling: f.Ceiling}
	profile, options, err := p.profile()
	return executor.Limits{Profile: profile, Options: options, KeepCancel: f.KeepCancel}, err
}

// reloadEvery is how often the files are looked at. Figures change some times a year, and who changes them waits for it.
const reloadEvery = 2 * time.Second

// stamp tells whether a file has changed.
type stamp struct {
	size    int64
	changed time.Time
}

// stamps are those of all files; one that cannot be looked at has none.
func (f *limitFlags) stamps() []stamp {
	out := make([]stamp, 0, len(f.Files))
	for _, name := range f.Files {
		var s stamp
		if info, err := os.Stat(name); err == nil {
			s = stamp{info.Size(), info.ModTime()}
		}
		out = append(out, s)
	}
	return out
}

// reload puts the files' figures in force whenever one of them changes, until ctx ends. A file with a mistake changes nothing:
// what was in force stays.
func (f *limitFlags) reload(ctx context.Context, log *slog.Logger, put func(executor.Limits) error) error {
	seen := f.stamps()
	tick := time.NewTicker(reloadEvery)
	defer tick.Stop()
	for len(f.Files) > 0 {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := f.stamps()
		if slices.Equal(now, seen) {
			continue
		}
		seen = now
		if err := f.apply(put); err != nil {
			log.Error("limits not taken over; those in force stay", "error", err)
			continue
		}
		log.Info("limits read again", "profile", f.Profile, "files", f.Files)
	}
	<-ctx.Done()
	return nil
}

func (f *limitFlags) apply(put func(executor.Limits) error) error {
	l, err := f.read()
	if err != nil {
		return err
	}
	if err := put(l); err != nil {
		return fmt.Errorf("put limits in force: %w", err)
	}
	return nil
}
