package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"sluice/pkg/msgs"
)

// The quota is shown for every account that answers, with the warning, the forecast and the block; who does not answer is named,
// with what to do, and when nobody does that is a failure.
func TestQuotaIsShownForEachAccount(t *testing.T) {
	t.Run("S2-40 S2-61 S2-64 sluice quota", func(t *testing.T) {
		b := startBus(t, "sandbox", "main", "second", "third")
		where := []string{"--nats", b.ClientURL()}
		refused(t, call(t, append([]string{"quota", "--account", "main"}, where...)...), "nobody answers svc.relayer.main.quota", "sluice relayer", "sluice up")
		refused(t, call(t, append([]string{"quota", "--account", "Main!"}, where...)...), "cannot be an account")

		later := time.Now().Add(30 * time.Hour).Truncate(time.Millisecond)
		answer := msgs.QuotaAnswer{Book: "builder-5f1c", Tier: "unverified", Limit: 100, Used: 61, Reserved: 2, ResetsMS: later.UnixMilli(), LastCallMS: time.Now().UnixMilli(),
			Warning: true, RunsOutMS: new(later.Add(time.Hour).UnixMilli()), PerMinute: msgs.PerMinute{Limit: 25, Used: 3}, BlockedUntilMS: new(later.UnixMilli())}
		reply := func(account msgs.Account, v any) {
			text, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			nc := b.service(t)
			if _, err := nc.Subscribe(msgs.SvcSubject("relayer", account, "quota"), func(m *nats.Msg) { _ = m.Respond(text) }); err != nil {
				t.Fatal(err)
			}
			if err := nc.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		reply("main", answer)
		says(t, "quota", ok(t, append([]string{"quota", "--account", "main"}, where...)...), "main", "unverified", "61/100", "3/25", "half of the day's units is used",
			"takes nothing before "+later.Format("Jan 2 15:04"), later.Add(time.Hour).Format("Jan 2 15:04"))
		says(t, "quota of two", ok(t, append([]string{"quota", "--account", "main", "--account", "second"}, where...)...), "61/100", "nobody answers svc.relayer.second.quota", "sluice relayer")

		reply("third", answer)
		shared := ok(t, append([]string{"quota", "--account", "main", "--account", "third"}, where...)...)
		if says(t, "quota of two with one book", shared, "main, third", "builder-5f1c"); strings.Count(shared, "61/100") != 1 {
			t.Errorf("units that are shared look like two days' units:\n%s", shared)
		}

		reply("second", msgs.ErrorReply{Error: &msgs.Error{Code: msgs.NotCapable, Cause: "no credentials", Fix: "give some"}})
		var all quotas
		one(t, ok(t, append([]string{"quota", "-o", "json", "--account", "main", "--account", "second"}, where...)...), &all)
		if q := all.Quotas["main"]; q.Used != 61 || q.BlockedUntilMS == nil || all.Errors["second"] == nil || all.Errors["second"].Code != msgs.NotCapable {
			t.Errorf("%+v", all)
		}
		refused(t, call(t, append([]string{"quota", "--account", "second"}, where...)...), "no credentials", "give some")
	})
}
