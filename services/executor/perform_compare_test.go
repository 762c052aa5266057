package executor

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
)

// late is a witness who has heard nothing, and whose ledger sees only after a while that the log is another one.
type late struct{ asked int }

func (*late) heard(context.Context, actor.Started) (map[msgs.OrderID]bool, error) { return nil, nil }

func (w *late) booked(context.Context) Booked {
	w.asked++
	return Booked{ledgerAgrees, msgs.OrderPosition{Doubt: w.asked > 1}}
}

// busy is a venue at which an account has lists of many pages, each of which takes its time.
type busy struct {
	pages int
	takes time.Duration
	lost  map[string]int // of a page, as path and number: how many answers are lost

	mu    sync.Mutex
	asked []string
}

func (v *busy) page(r *http.Request) (*http.Response, error) {
	n, err := strconv.Atoi(r.URL.Query().Get("next_cursor"))
	if err != nil {
		n = 1
	}
	name := fmt.Sprintf("%s %d", strings.TrimPrefix(r.URL.Path, "/data/"), n)
	v.mu.Lock()
	v.asked = append(v.asked, name)
	lost := v.lost[name] > 0
	v.lost[name]--
	v.mu.Unlock()
	if err := pause(r.Context(), v.takes); err != nil {
		return nil, err
	}
	status, next := http.StatusOK, strconv.Itoa(n+1)
	if n == v.pages {
		next = "LTE="
	}
	if lost {
		status = http.StatusInternalServerError
	}
	text := fmt.Sprintf(`{"data":[{"id":"0x%d","status":"LIVE","original_size":"10","size_matched":"0","side":"BUY","price":"0.5"}],"next_cursor":"%s"}`, n, next)
	if strings.HasSuffix(r.URL.Path, "trades") {
		text = fmt.Sprintf(`{"data":[{"id":"t%d","taker_order_id":"0x%d","owner":"old","trader_side":"TAKER","size":"1","price":"0.5","side":"BUY","asset_id":"7","status":"CONFIRMED"}],"next_cursor":"%s"}`, n, n, next)
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
}

// asks is how often a page was asked for.
func (v *busy) asks(name string) (n int) {
	for _, a := range v.asked {
		if a == name {
			n++
		}
	}
	return n
}

// TestStartComparisonEndsOnABusyAccount compares with a venue that tells what rests and what has traded in twenty pages of four
// seconds each, of which it loses some answers. Each page has a time of its own and is asked for until it is told; what was told
// is not asked for again, unless a page was asked for in vain some times: then the list is read anew. The ledger, which has answered long since, is asked again.
func TestStartComparisonEndsOnABusyAccount(t *testing.T) {
	onStage(t, nil, func(s *stage) {
		v := &busy{pages: 20, takes: 4 * time.Second, lost: map[string]int{"orders 7": 1, "orders 20": 2, "trades 11": pageTries}}
		s.next, s.p.witness = v.page, &late{}
		got := s.do(Compare{actor.Started{First: true}})
		m, ok := got[0].(Comparison)
		if len(got) != 1 || !ok {
			t.Fatalf("delivered %v", got)
		}
		if !m.Ledger.Doubt {
			t.Error("the ledger's word is as old as the first page")
		}
		var want, open []msgs.OrderID
		for n := range v.pages {
			want = append(want, msgs.OrderID(fmt.Sprintf("0x%d", n+1)))
		}
		for i := range m.Open.Orders {
			open = append(open, m.Open.Orders[i].OrderID)
		}
		if !slices.Equal(open, want) || !slices.Equal(m.Traded, want) {
			t.Errorf("resting %v, traded %v", open, m.Traded)
		}
		for name, n := range map[string]int{"orders 1": 1, "orders 6": 1, "orders 7": 2, "orders 8": 1, "orders 20": 3, "trades 1": 2, "trades 10": 2, "trades 11": pageTries + 1, "trades 12": 1} {
			if got := v.asks(name); got != n {
				t.Errorf("%s was asked for %d times, want %d", name, got, n)
			}
		}
	})
}

// A list of what rests that is not due yet is no work under way: it ends when the actor is told to stop.
func TestAuditThatIsNotDueEndsWithItsActor(t *testing.T) {
	leaving := make(chan struct{})
	job := actor.Job{Leaving: leaving, Deeds: []actor.Deed{Audit{FromMS: time.Now().Add(time.Hour).UnixMilli()}}, Deliver: func(m any) { t.Errorf("delivered %+v", m) }}
	ended := make(chan struct{})
	go func() {
		(&performer{}).Perform(t.Context(), job)
		close(ended)
	}()
	select {
	case <-ended:
		t.Fatal("it did not wait")
	default:
	}
	close(leaving)
	<-ended
}
