package crash

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/services/executor"
)

const (
	shortKills = 20 // of a run without SLUICE_KILLS: one at each point
	// Between so many kills one executor is stopped at a point instead, and goes on when it has been replaced.
	killsForAStop = 15
	stopStride    = 7 // through the points, all of them in turn
	// Between so many kills one of the two ingests is killed, stopped until the next time, or replaced.
	killsForAFeed = 4
	dropPerMill   = 100
	losePerMill   = 50
	// deepest is the most times that a point is passed before the kill: what an executor decides in about a second.
	deepest = 6
)

// tally is what the kills at one point met.
type tally struct {
	kills, broker int // of the executor; of these, with the broker
	stops         int
	sending       int // kills that left an intent without a word about what became of it
	intents       int // these intents
	unknown       int // kills that left an intent whose answer was lost
	lookups       int // these intents
}

// TestCrashes kills the executor at every one of its points while commands come in, a third of the times together with the
// broker, at a venue that loses requests and answers. Whoever starts next goes on. Of two ingests one is killed, stopped or
// replaced now and then. In the end nothing was sent twice, nothing was lost, nothing left after its cancel, the log says what
// the journal says, and the private feed has each status of each trade once.
func TestCrashes(t *testing.T) {
	t.Parallel()
	kills := shortKills
	if n, err := strconv.Atoi(os.Getenv("SLUICE_KILLS")); err == nil {
		kills = n
	}
	seed := uint64(time.Now().UnixNano())
	if n, err := strconv.ParseUint(os.Getenv("SLUICE_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("seed %d", seed)
	began := time.Now()
	c := &campaign{t: t, seed: seed, p: newPlant(t), rng: rand.New(rand.NewPCG(seed, 2)), tallies: map[string]*tally{}}
	c.storm, c.book = newStorm(c.p, seed), c.p.logbook()
	c.p.owned(c.restart(""))
	c.p.startLedger()
	c.p.ingests = append(c.p.ingests, c.p.newIngest())
	c.p.faults("{'drop_answer':{'per_mille':%d},'lose_request':{'per_mille':%d}}", dropPerMill, losePerMill)
	c.storm.run()
	for i, points := 0, executor.Points(); i < kills; i++ {
		c.round(points[i%len(points)], i%3 == 2)
		if i%killsForAFeed == killsForAFeed-1 {
			c.spoilFeed()
		}
		if i%killsForAStop == killsForAStop-1 {
			c.stop(points[i/killsForAStop*stopStride%len(points)])
		}
	}
	c.storm.end()
	c.mendFeed()
	c.p.faults("{'drop_answer':{},'lose_request':{}}")
	c.p.owned(c.restart(""))
	c.book.rest(c.storm)
	if t.Failed() {
		t.Logf("the last executor said: %s", c.last.said())
	}
	c.report(kills, time.Since(began))
}

// campaign is a row of kills in one plant.
type campaign struct {
	t       *testing.T
	seed    uint64
	p       *plant
	rng     *rand.Rand
	storm   *storm
	book    *logbook
	last    *process
	all     []*process // executors
	tallies map[string]*tally
	ledgers int // killed
	feeds   feedTally
	spoilt  *process // the ingest that something was done to last, nil when it is over
}

// restart ends the executor that runs and starts another. Now and then it waits for the lease of the dead one.
func (c *campaign) restart(crashAt string) *process {
	if c.last != nil {
		c.last.kill()
		if c.rng.IntN(10) > 0 {
			c.p.freeLease()
		}
	}
	c.last = c.p.executor(crashAt)
	c.all = append(c.all, c.last)
	return c.last
}

// round lets an executor run until it kills itself at a point.
func (c *campaign) round(point string, broker bool) {
	c.t.Helper()
	c.storm.hurry()
	e := c.restart(fmt.Sprintf("%s:%d:KILL", point, 1+c.rng.IntN(depth(point))))
	if c.rng.IntN(5) == 0 { // who keeps the books falls too
		c.p.ledger.kill()
		c.p.startLedger()
		c.ledgers++
	}
	together := c.rng.IntN(2) == 0
	if broker && !together { // the broker falls while the executor is at work, and comes back
		pass(time.Duration(c.rng.Int64N(int64(time.Second))))
		c.p.restartBroker()
	}
	c.p.until(e.name+" comes to "+point, e.ended, e)
	if broker && together {
		c.p.restartBroker()
	}
	c.book.read()
	n := c.at(point)
	n.kills++
	if broker {
		n.broker++
	}
	sending, unknown := c.book.open()
	n.intents, n.lookups = n.intents+sending, n.lookups+unknown
	n.sending, n.unknown = n.sending+min(sending, 1), n.unknown+min(unknown, 1)
}

// row is a row of the report.
func (n *tally) row(point string) string {
	return fmt.Sprintf("| %s | %d | %d | %d | %d | %d | %d | %d |\n", point, n.kills, n.broker, n.stops, n.sending, n.intents, n.unknown, n.lookups)
}

func (n *tally) add(m *tally) {
	n.kills, n.broker, n.stops = n.kills+m.kills, n.broker+m.broker, n.stops+m.stops
	n.sending, n.intents, n.unknown, n.lookups = n.sending+m.sending, n.intents+m.intents, n.unknown+m.unknown, n.lookups+m.lookups
}

// at is the tally of a point.
func (c *campaign) at(point string) *tally {
	n := c.tallies[point]
	if n == nil {
		n = &tally{}
		c.tallies[point] = n
	}
	return n
}

// stop lets an executor stand still at a point until another has taken over, and then go on beside it. At the line before the
// write it is a zombie, for which there are tests of their own.
func (c *campaign) stop(point string) {
	c.t.Helper()
	if point == executor.BeforeWrite {
		return
	}
	c.storm.hurry()
	e := c.restart(fmt.Sprintf("%s:%d:STOP", point, 1+c.rng.IntN(depth(point))))
	c.p.until(e.name+" stands still at "+point, e.stopped, e)
	c.last = c.p.executor("")
	c.p.owned(c.last)
	e.send(c.t, syscall.SIGCONT)
	pass(time.Second)
	e.kill()
	c.at(point).stops++
}

// depth is how often a point may be passed before the kill.
func depth(point string) int {
	if strings.HasSuffix(point, "-snapshot") {
		return 1
	}
	return deepest
}

// report judges, counts, and prints.
func (c *campaign) report(kills int, took time.Duration) {
	c.t.Helper()
	v := c.p.content()
	assets := c.p.balanced()
	statuses := c.p.fed()
	books := c.p.shown()
	c.book.read()
	n := c.storm.count(c.t, c.book.state, c.p.seen())
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, %d kills in %s, commands published %d (cancels %d, repeats %d), orders %d, at the venue %d\n\n",
		c.seed, kills, took.Round(time.Second), c.storm.published, c.storm.cancels, c.storm.repeats, c.storm.next, n.reached)
	fmt.Fprintf(&b, "| point | kills | with the broker | stops | found an open intent | open intents | found an unknown order | unknown orders |\n|---|---|---|---|---|---|---|---|\n")
	var sum tally
	for _, point := range executor.Points() {
		at := c.at(point)
		b.WriteString(at.row(point))
		sum.add(at)
	}
	b.WriteString(sum.row("all") + "\n")
	fmt.Fprintf(&b, "counted by token, price and size: sent twice %d, traded beyond its size %d, lost %d, sent after cancel %d\n", n.twice, n.overdone, n.lost, n.after)
	fmt.Fprintf(&b, "the ledger, killed %d times, has what the venue has in each of %d assets, to the last unit; its chain of entries holds\n", c.ledgers, assets)
	fmt.Fprintf(&b, "of two ingests one was killed %d times, stopped %d times, replaced %d times; the feed has each of %d statuses of trades once and in order, and each of %d books is the venue's\n",
		c.feeds.kills, c.feeds.stops, c.feeds.replaced, statuses, books)
	fmt.Fprintf(&b, "the judge: %s\n", v)
	c.t.Log("\n" + b.String())
	if path := os.Getenv("SLUICE_CRASH_REPORT"); path != "" {
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			c.t.Error(err)
		}
	}
	n.none(c.t)
	for _, e := range c.all {
		if alarm := e.alarm(); alarm != "" {
			c.t.Errorf("%s: false alarm: %s", e.name, alarm)
		}
	}
	if sum.kills != kills || sum.sending == 0 || sum.unknown == 0 {
		c.t.Errorf("%d kills of %d, %d left an open intent and %d an unknown order: nothing is shown", sum.kills, kills, sum.sending, sum.unknown)
	}
}
