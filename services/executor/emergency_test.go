package executor

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"sluice/pkg/msgs"
	"sluice/pkg/sandbox"
)

// open counts what rests at the venue for main.
func (p *plant) open() int {
	p.t.Helper()
	c := newCLOB(p.clob, "main", p.clob.Creds)
	orders, _, err := c.OpenOrders(p.t.Context(), "")
	if err != nil {
		p.t.Fatal(err)
	}
	return len(orders)
}

// cancelsAtVenue counts the cancel-all requests of the venue's journal.
func (p *plant) cancelsAtVenue() (n int) {
	for _, line := range p.venue.Journal(0) {
		if strings.Contains(string(line), `"path":"/cancel-all"`) {
			n++
		}
	}
	return n
}

// loseBus ends the broker for good.
func (p *plant) loseBus() {
	p.t.Helper()
	p.mute = true
	if err := p.b.Server.Shutdown(); err != nil {
		p.t.Fatal(err)
	}
}

// With the broker gone nothing is cancelled before the time that was set, everything is after it, and it is asked once.
func TestEverythingIsCancelledWhenTheLogIsGone(t *testing.T) {
	inPlant(t, func(p *plant) { p.cfg.CancelAfterLogLoss = 30 * time.Second }, func(t *testing.T, p *plant) {
		for _, id := range []string{"a", "b", "c"} {
			p.submit(id, msgs.Buy, msgs.GTC, "0.10", "10")
		}
		p.pass(time.Second)
		if n := p.open(); n != 3 {
			t.Fatalf("%d orders rest, want 3", n)
		}
		p.loseBus()
		p.pass(25 * time.Second)
		if n := p.open(); n != 3 {
			t.Errorf("%d orders rest 25 s after the log was lost, want 3", n)
		}
		p.pass(15 * time.Second)
		if n := p.open(); n != 0 {
			t.Errorf("%d orders rest 40 s after the log was lost, want none", n)
		}
		asked := p.cancelsAtVenue()
		p.pass(5 * time.Minute)
		if n := p.cancelsAtVenue(); asked == 0 || n != asked {
			t.Errorf("cancel-all was asked %d times, and %d times five minutes later", asked, n)
		}
	})
}

// Without the setting nothing is cancelled, however long the broker is gone.
func TestNothingIsCancelledByItselfWithoutTheSetting(t *testing.T) {
	inPlant(t, nil, func(t *testing.T, p *plant) {
		p.submit("a", msgs.Buy, msgs.GTC, "0.10", "10")
		p.pass(time.Second)
		p.loseBus()
		p.pass(5 * time.Minute)
		if n := p.open(); n != 1 {
			t.Errorf("%d orders rest, want 1", n)
		}
	})
}

// The venue loses answers and requests, and is away for a while: the emergency cancel goes on until nothing rests.
func TestEmergencyCancelOutlastsABadVenue(t *testing.T) {
	inPlant(t, func(p *plant) { p.cfg.CancelAfterLogLoss = 5 * time.Second }, func(t *testing.T, p *plant) {
		p.submit("a", msgs.Buy, msgs.GTC, "0.10", "10")
		p.pass(time.Second)
		p.venue.SetFaults(func(f *sandbox.Faults) {
			f.LoseRequest.Next = 2
			f.DropAnswer.Next = 2
		})
		p.loseBus()
		p.pass(2 * time.Minute)
		if n := p.open(); n != 0 {
			t.Errorf("%d orders rest, want none", n)
		}
	})
}

// A broker that comes back in time is no emergency, and the account is worked for again although what the broker kept in
// memory, the leases and the market facts, is gone.
func TestShortInterruptionIsNoEmergency(t *testing.T) {
	inPlant(t, func(p *plant) { p.cfg.CancelAfterLogLoss = 5 * time.Second }, func(t *testing.T, p *plant) {
		p.submit("a", msgs.Buy, msgs.GTC, "0.10", "10")
		p.pass(time.Second)
		for range 5 {
			p.mute = true
			p.b.Restart()
			p.pass(3 * time.Second)
		}
		if n := p.open(); n != 1 || p.cancelsAtVenue() != 0 {
			t.Errorf("%d orders rest after %d cancel-alls, want 1 and none", n, p.cancelsAtVenue())
		}
		p.publishFacts()
		p.pass(5 * time.Second)
		p.submit("after", msgs.Buy, msgs.GTC, "0.10", "10")
		p.pass(time.Second)
		p.want("after", "submitting accepted")
	})
}

// CancelDirectly needs the key alone: it gets credentials, cancels, and sees an order that was on its way.
func TestCancelDirectlyNeedsKeyAndVenueAlone(t *testing.T) {
	inPlant(t, nil, func(t *testing.T, p *plant) {
		p.submit("a", msgs.Buy, msgs.GTC, "0.10", "10")
		p.pass(time.Second)
		api := p.clob
		api.Creds.Key = ""
		done := make(chan Emptied, 1)
		go func() {
			e, err := CancelDirectly(t.Context(), api, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Errorf("cancel directly: %v", err)
			}
			done <- e
		}()
		time.Sleep(time.Second)
		p.submit("late", msgs.Buy, msgs.GTC, "0.10", "10")
		p.pass(10 * time.Second)
		if e := <-done; len(e.Cancelled) != 2 || len(e.Open) != 0 {
			t.Errorf("cancelled %v, open %v; want two and none", e.Cancelled, e.Open)
		}
		if n := p.open(); n != 0 {
			t.Errorf("%d orders rest", n)
		}
	})
}

// When nothing works the error says what was wrong last, within the time given.
func TestCancelDirectlySaysWhatWasWrong(t *testing.T) {
	inPlant(t, nil, func(t *testing.T, p *plant) {
		p.venue.SetFaults(func(f *sandbox.Faults) { f.LoseRequest.Next = 1000 })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := CancelDirectly(ctx, p.clob, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "cancel everything") {
			t.Errorf("the error is %v", err)
		}
	})
}

// A mark that was left while nobody ran halts the account before the first submit is decided, once: after a resume and a
// restart it trades.
func TestMarkHaltsTheNextStart(t *testing.T) {
	data := t.TempDir()
	inPlant(t, func(p *plant) { p.cfg.Data = data }, func(t *testing.T, p *plant) {
		p.stop()
		if _, err := LeaveHaltMark(data, HaltMark{Account: "main", AtMS: time.Now().UnixMilli(), Reason: "fire"}); err != nil {
			t.Fatal(err)
		}
		p.submit("waiting", msgs.Buy, msgs.GTC, "0.10", "10")
		p.start()
		p.pass(3 * time.Second)
		p.want("waiting", "rejected:halted.")
		if _, err := os.Stat(markFile(data, "main")); err == nil {
			t.Error("the mark is still there although the halt is on the log")
		}
		p.stop()
		p.start()
		p.submit("still", msgs.Buy, msgs.GTC, "0.10", "10")
		p.pass(3 * time.Second)
		p.want("still", "rejected:halted.")
		p.send(msgs.VerbResume, `{'request_id':'go'}`)
		p.pass(time.Second)
		p.stop()
		p.start()
		p.submit("again", msgs.Buy, msgs.GTC, "0.10", "10")
		p.pass(3 * time.Second)
		p.want("again", "submitting accepted")
	})
}

// A mark halts an account that is being worked for too, and one that cannot be read halts all the same.
func TestMarkHaltsARunningAccount(t *testing.T) {
	data := t.TempDir()
	inPlant(t, func(p *plant) { p.cfg.Data = data }, func(t *testing.T, p *plant) {
		if _, err := LeaveHaltMark(data, HaltMark{Account: "main", Reason: "fire"}); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(markFile(data, "main"), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		p.pass(3 * time.Second)
		p.submit("a", msgs.Buy, msgs.GTC, "0.10", "10")
		p.pass(time.Second)
		p.want("a", "rejected:halted.")
	})
}

// Where there is no data directory none is made: a mark there would be read by nobody.
func TestNoMarkWithoutADataDirectory(t *testing.T) {
	dir := t.TempDir() + "/none"
	if _, err := LeaveHaltMark(dir, HaltMark{Account: "main"}); err == nil {
		t.Error("a mark was left")
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the directory was made")
	}
}
