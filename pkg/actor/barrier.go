package actor

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	barrierWait  = time.Second // for an answer before the long way is gone
	maxQuestions = 64          // that can be open at once, far more than gates are
)

// questions asks where the express lanes end at present, one request a lane, without a goroutine for any: the submit that waits
// for the answer is being written on the same processors. Mostly nothing new is there, and that is all it can hear; with
// any other answer, or none, lane.end is asked. It is nil where lanes have replicas, of which only the leader may be asked.
type questions struct {
	conn  *nats.Conn
	sub   *nats.Subscription
	inbox string
	asked uint64
	open  map[uint64]*gate // owned by the loop
}

// quietLanes answers a question: whether no express lane had anything that was not decided when it was asked.
type quietLanes struct {
	question uint64
	quiet    bool
	at       time.Time
}

// openQuestions begins to listen for answers. Without it, after an error, everything is asked the long way.
func (r *running) openQuestions() *questions {
	for _, l := range r.lanes {
		if l.stream.CachedInfo().Config.Replicas != 1 {
			return nil
		}
	}
	q := &questions{conn: r.cfg.JS.Conn(), open: map[uint64]*gate{}}
	q.inbox = q.conn.NewInbox() + "."
	heard := map[uint64]int{} // lanes that are quiet, of each question; owned by the subscription
	var err error
	q.sub, err = q.conn.Subscribe(q.inbox+"*", func(m *nats.Msg) {
		n, err := strconv.ParseUint(m.Subject[strings.LastIndexByte(m.Subject, '.')+1:], 10, 64)
		if err != nil {
			return
		}
		quiet := noneAt(m)
		if heard[n]++; quiet && heard[n] < len(r.lanes) {
			return
		}
		delete(heard, n)
		if len(heard) > maxQuestions {
			clear(heard) // of answers that never came
		}
		r.send(r.work, quietLanes{n, quiet, time.Now()})
	})
	if err != nil {
		r.log.Warn("barriers are asked for the long way", "error", err)
		return nil
	}
	return q
}

func (q *questions) close() {
	if q != nil {
		_ = q.sub.Unsubscribe() // its connection may be closed
	}
}

// ask reports whether the question is on its way.
func (q *questions) ask(g *gate, lanes []*lane, decided cursors) bool {
	if q == nil || len(lanes) == 0 || len(q.open) >= maxQuestions {
		return false
	}
	q.asked++
	reply := q.inbox + strconv.FormatUint(q.asked, 10)
	for _, l := range lanes {
		if q.conn.PublishRequest(l.ending(), reply, l.endQuestion(decided[l.index]+1)) != nil {
			return false
		}
	}
	q.open[q.asked] = g
	return true
}

// answered takes an answer.
func (r *running) answered(v quietLanes) {
	g := r.questions.open[v.question]
	if g == nil {
		return
	}
	delete(r.questions.open, v.question)
	if !v.quiet {
		r.askLong(g)
		return
	}
	r.cfg.Passing(AfterBarrier)
	g.ends, g.made = nil, v.at
}

// doubtQuestions asks the long way where an answer is missing.
func (r *running) doubtQuestions() {
	if r.questions == nil {
		return
	}
	for n, g := range r.questions.open {
		if time.Since(g.asked) > barrierWait {
			delete(r.questions.open, n)
			r.askLong(g)
		}
	}
}

// ending is where the broker is asked for the lane's last messages.
func (l *lane) ending() string { return "$JS.API.DIRECT.GET." + l.Stream }

// endQuestion asks for the last message of each of the lane's subjects, at or after from.
func (l *lane) endQuestion(from uint64) []byte {
	return fmt.Appendf(nil, `{"seq":%d,"multi_last":["%s"]}`, from, strings.Join(l.Subjects, `","`))
}
