package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
)

// disk says how full the file system of the data directory is; nothing where there is no such directory.
func (c *doctorCmd) disk() []finding {
	used, err := actor.DiskUse(c.Data)
	if err != nil {
		return nil
	}
	f := finding{Check: "disk", OK: used < actor.AlarmAt, Saw: fmt.Sprintf("the file system of %s is %d %% full", c.Data, used)}
	switch {
	case used >= actor.RefuseAt:
		f.Fix = "make room on it: new orders are refused until then, cancels go on"
	case !f.OK:
		f.Fix = fmt.Sprintf("make room on it: from %d %% on new orders are refused", actor.RefuseAt)
	}
	return []finding{f}
}

// readers says who holds streams back from being emptied, and by how much.
func readersOf(ctx context.Context, js jetstream.JetStream, streams []*jetstream.StreamInfo) []finding {
	r, err := actor.OpenReaders(ctx, js, 0)
	if err != nil {
		return []finding{said("readers", err, "")}
	}
	var list []finding
	for _, info := range streams {
		if !strings.HasPrefix(info.Config.Name, msgs.LogStream("")) && !strings.HasPrefix(info.Config.Name, msgs.AskStream("")) {
			continue
		}
		at, err := r.Positions(ctx, info.Config.Name)
		if err != nil {
			return append(list, said("readers", err, ""))
		}
		for _, service := range slices.Sorted(maps.Keys(at)) {
			f := finding{Check: "reader " + service, OK: true, Saw: fmt.Sprintf("has committed %s up to %d of %d", info.Config.Name, at[service], info.State.LastSeq)}
			if percent := fullnessOf(info); percent >= fullAlarm && at[service] < info.State.LastSeq {
				f.OK = false
				f.Fix = fmt.Sprintf("start %s, for which this stream is kept; or let it go for good with: nats kv del READERS %s.%s", service, info.Config.Name, service)
			}
			list = append(list, f)
		}
	}
	return list
}

func fullnessOf(info *jetstream.StreamInfo) int {
	if info.Config.MaxBytes <= 0 {
		return 0
	}
	return int(info.State.Bytes * 100 / uint64(info.Config.MaxBytes))
}
