package crash

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// feedTally is what was done to ingests.
type feedTally struct{ kills, stops, replaced int }

// spoilFeed ends what was done to an ingest last, and does the next thing to one of the two: it is killed and another started, it
// stands still until the next time, or another is started beside it and it is told to stop.
func (c *campaign) spoilFeed() {
	c.t.Helper()
	c.mendFeed()
	i := c.rng.IntN(len(c.p.ingests))
	e := c.p.ingests[i]
	switch (c.feeds.kills + c.feeds.stops + c.feeds.replaced) % 3 {
	case 0:
		c.feeds.kills++
		e.kill()
		c.p.ingests[i] = c.p.newIngest()
	case 1:
		c.feeds.stops++
		e.send(c.t, syscall.SIGSTOP)
		c.spoilt = e
	case 2:
		c.feeds.replaced++
		c.p.ingests[i] = c.p.newIngest()
		e.send(c.t, syscall.SIGTERM)
		c.spoilt = e
	}
}

// mendFeed lets the ingest that stands still go on, and waits for the end of the one that was replaced. No other has ended.
func (c *campaign) mendFeed() {
	c.t.Helper()
	e := c.spoilt
	c.spoilt = nil
	switch {
	case e == nil:
	case slices.Contains(c.p.ingests, e):
		e.send(c.t, syscall.SIGCONT)
	default:
		c.p.until("the ingest that was told to stop has ended", e.ended, e)
	}
	for _, e := range c.p.ingests {
		if e.ended() {
			c.t.Errorf("an ingest has ended by itself: %s", e.said())
		}
	}
}

// feedPatience is how long the feed may take to tell what happened last: a reading by REST comes each 20 s.
const feedPatience = 60 * time.Second

// fed demands that the private feed tells each status of each leg of the account's trades once, in the venue's order. It
// returns how many statuses that are.
func (p *plant) fed() (statuses int) {
	p.t.Helper()
	var wrong []string
	for end := time.Now().Add(feedPatience); ; pass(100 * time.Millisecond) {
		statuses, wrong = compareFeed(p.lived(), p.told())
		if len(wrong) == 0 || time.Now().After(end) {
			break
		}
	}
	for _, w := range wrong {
		p.t.Errorf("the feed: %s", w)
	}
	if statuses == 0 {
		p.t.Error("no trade was fed: nothing is shown")
	}
	return statuses
}

// compareFeed is how many statuses the venue went through, and where what was told differs.
func compareFeed(lived, told map[string][]string) (statuses int, wrong []string) {
	for leg, life := range lived {
		statuses += len(life)
		if !slices.Equal(life, told[leg]) {
			wrong = append(wrong, fmt.Sprintf("%s went through %v and is told as %v", leg, life, told[leg]))
		}
	}
	for leg, words := range told {
		if lived[leg] == nil {
			wrong = append(wrong, fmt.Sprintf("%s is told as %v and is not the venue's", leg, words))
		}
	}
	return statuses, wrong
}

// lived is what each leg of the account's trades went through, by the venue's journal.
func (p *plant) lived() map[string][]string {
	out := map[string][]string{}
	for _, l := range p.journal() {
		if l.Kind != "trade" {
			continue
		}
		for _, leg := range l.Legs {
			if leg.Account == account {
				key := fmt.Sprintf("leg %d of trade %s", leg.Leg, l.TradeID)
				out[key] = append(out[key], l.Word)
			}
		}
	}
	return out
}

// told is what the private feed says of each leg.
func (p *plant) told() map[string][]string {
	p.t.Helper()
	ctx, cancel := p.call()
	defer cancel()
	stream, err := p.js.Stream(ctx, msgs.AskStream(account))
	if err != nil {
		p.t.Fatal(err)
	}
	out := map[string][]string{}
	for seq := uint64(1); ; seq++ {
		m, err := stream.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(msgs.FeedSubject(account, "trade")))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return out
		}
		var f msgs.FeedTrade
		if err == nil {
			err = json.Unmarshal(m.Data, &f)
		}
		if err != nil {
			p.t.Fatal(err)
		}
		seq = m.Sequence
		for _, leg := range f.Legs {
			key := fmt.Sprintf("leg %d of trade %s", leg.Leg, f.TradeID)
			out[key] = append(out[key], string(f.Status))
		}
	}
}

// shown demands that the last value of every book is fresh and the venue's. It returns how many books that are.
func (p *plant) shown() (books int) {
	p.t.Helper()
	var tokens []string
	for _, m := range p.urls.Markets {
		tokens = append(tokens, m.Tokens[:]...)
	}
	var wrong []string
	for end := time.Now().Add(feedPatience); ; pass(100 * time.Millisecond) {
		wrong = nil
		for _, token := range tokens {
			if why := p.bookDiffers(token); why != "" {
				wrong = append(wrong, why)
			}
		}
		if len(wrong) == 0 || time.Now().After(end) {
			break
		}
	}
	for _, w := range wrong {
		p.t.Errorf("the book of token %s", w)
	}
	return len(tokens)
}

// bookDiffers says how the last value of a book is not what the venue shows, "" for not at all.
func (p *plant) bookDiffers(token string) string {
	ctx, cancel := p.call()
	defer cancel()
	stream, err := p.js.Stream(ctx, msgs.MarketStream)
	if err != nil {
		p.t.Fatal(err)
	}
	m, err := stream.GetLastMsgForSubject(ctx, msgs.MDSubject("polymarket", "book", token))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return token + " is nowhere"
	}
	var have msgs.Book
	if err == nil {
		err = json.Unmarshal(m.Data, &have)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	api := polymarket.CLOB{BaseURL: p.urls.CLOB, HTTP: http.DefaultClient}
	want, err := api.Book(ctx, token)
	if err != nil {
		p.t.Fatal(err)
	}
	var why []string
	if !have.Fresh {
		why = append(why, "is not fresh")
	}
	if !sameLevels(have.Bids, want.Bids) {
		why = append(why, fmt.Sprintf("has the bids %v, the venue %v", have.Bids, want.Bids))
	}
	if !sameLevels(have.Asks, want.Asks) {
		why = append(why, fmt.Sprintf("has the asks %v, the venue %v", have.Asks, want.Asks))
	}
	if len(why) == 0 {
		return ""
	}
	return fmt.Sprintf("%s, by %s/%d, %s", token, have.Conn, have.Seq, strings.Join(why, ", "))
}

func sameLevels(have []msgs.Level, want []polymarket.Level) bool {
	return slices.EqualFunc(have, want[:min(len(want), msgs.MaxLevels)], func(a msgs.Level, b polymarket.Level) bool { return a == msgs.Level(b) })
}

// Every difference that the comparison of a feed can find is found.
func TestFeedComparisonSeesWhatIsWrong(t *testing.T) {
	life := []string{"MATCHED", "MINED", "CONFIRMED"}
	lived := map[string][]string{"fine": life, "twice": life, "lost": life, "disordered": life, "unheard": life}
	told := map[string][]string{"fine": life, "twice": {"MATCHED", "MATCHED", "MINED", "CONFIRMED"}, "lost": {"MATCHED", "CONFIRMED"},
		"disordered": {"MINED", "MATCHED", "CONFIRMED"}, "foreign": {"MATCHED"}}
	statuses, wrong := compareFeed(lived, told)
	if statuses != 5*3 || len(wrong) != 5 {
		t.Errorf("%d statuses, wrong: %q", statuses, wrong)
	}
}
