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
	open  map[uint64]*question // owned by the loop
}

// question is one that has not been answered for every lane.
type question struct {
	gate  *gate
	left  lanes
	first time.Time // when the first of them answered
}

// lanes is a set of express lanes, by their place among them.
type lanes uint64

// laneAnswer answers a question for one lane: whether it had nothing that was not decided when it was asked.
type laneAnswer struct {
	question uint64
	lane     int
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
	q := &questions{conn: r.cfg.Ask, open: map[uint64]*question{}}
	q.inbox = q.conn.NewInbox()
	var err error
	q.sub, err = q.conn.Subscribe(q.inbox+".*.*", func(m *nats.Msg) {
		number, lane, _ := strings.Cut(m.Subject[len(q.inbox)+1:], ".")
		a := laneAnswer{quiet: noneAt(m), at: time.Now()}
		var errs [2]error
		a.question, errs[0] = strconv.ParseUint(number, 10, 64)
		a.lane, errs[1] = strconv.Atoi(lane)
		if errs == [2]error{} {
			r.send(r.work, a)
		}
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

// ask reports whether the question is on its way to every lane. On a connection that is being made anew it would lie about.
func (q *questions) ask(g *gate, all []*lane, decided cursors) bool {
	if q == nil || len(all) == 0 || len(q.open) >= maxQuestions || !q.conn.IsConnected() {
		return false
	}
	q.asked++
	reply := q.inbox + "." + strconv.FormatUint(q.asked, 10) + "."
	for i, l := range all {
		if q.conn.PublishRequest(l.ending(), reply+strconv.Itoa(i), l.endQuestion(decided[l.index]+1)) != nil {
			return false
		}
	}
	q.open[q.asked] = &question{gate: g, left: 1<<len(all) - 1}
	return true
}

// answered takes the answer for a lane. The gate is made when each of the lanes has said that it is quiet.
func (r *running) answered(v laneAnswer) {
	q := r.questions.open[v.question]
	if q == nil {
		return
	}
	if q.first.IsZero() {
		q.first = v.at
	}
	if q.left &^= 1 << v.lane; v.quiet && q.left != 0 {
		return
	}
	delete(r.questions.open, v.question)
	if !v.quiet {
		r.askLong(q.gate)
		return
	}
	r.cfg.Passing(AfterBarrier)
	q.gate.ends, q.gate.made, q.gate.took = nil, q.first, v.at.Sub(q.first)
}

// doubtQuestions asks the long way where an answer is missing.
func (r *running) doubtQuestions() {
	if r.questions == nil {
		return
	}
	for n, q := range r.questions.open {
		if time.Since(q.gate.asked) > barrierWait {
			delete(r.questions.open, n)
			r.askLong(q.gate)
		}
	}
}

// ending is where the broker is asked for the lane's last messages.
func (l *lane) ending() string { return "$JS.API.DIRECT.GET." + l.Stream }

// endQuestion asks for the last message of each of the lane's subjects, at or after from.
func (l *lane) endQuestion(from uint64) []byte {
	return fmt.Appendf(nil, `{"seq":%d,"multi_last":["%s"]}`, from, strings.Join(l.Subjects, `","`))
}
