package sandbox

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/ethereum/go-ethereum/crypto"
)

const (
	// beatLimit is how long an API key may be silent before its orders go, beatCheck how often that is looked at.
	beatLimit = 10 * time.Second
	beatCheck = 5 * time.Second
)

// heartbeat is the dead-man switch of one API key. It is off until the first heartbeat.
type heartbeat struct {
	id    string // expected next
	last  time.Time
	count int64
	timer *time.Timer
}

func (b *heartbeat) on() bool { return b.timer != nil }

// postHeartbeat keeps the switch from firing. The first carries an empty id, each next one the id answered before.
func (s *Sandbox) postHeartbeat(q *request) answer {
	var body struct {
		HeartbeatID *string `json:"heartbeat_id"`
	}
	if json.Unmarshal(q.body, &body) != nil {
		return refuse(http.StatusBadRequest, "Invalid payload")
	}
	b := &q.key.beat
	if got := body.HeartbeatID; got != nil && *got != b.id || got == nil && b.id != "" {
		return answer{status: http.StatusBadRequest, body: mustJSON(map[string]string{"error": "Invalid Heartbeat ID", "heartbeat_id": b.id})}
	}
	s.beat(q.key)
	b.count++
	b.id = uuid(crypto.Keccak256([]byte("sluice sandbox heartbeat " + q.key.id + " " + strconv.FormatInt(b.count, 10))))
	return ok(map[string]string{"heartbeat_id": b.id})
}

func (s *Sandbox) postOldHeartbeat(q *request) answer {
	s.beat(q.key)
	return ok(map[string]string{"status": "ok"})
}

// beat marks the key alive and turns its switch on.
func (s *Sandbox) beat(k *apiKey) {
	k.beat.last = time.Now()
	if !k.beat.on() {
		k.beat.timer = s.after(beatCheck, func() { s.checkBeat(k) })
	}
}

// checkBeat cancels all open orders of a silent key and turns its switch off.
func (s *Sandbox) checkBeat(k *apiKey) {
	if time.Since(k.beat.last) < beatLimit {
		k.beat.timer = s.after(beatCheck, func() { s.checkBeat(k) })
		return
	}
	k.beat = heartbeat{}
	for _, o := range s.resting(func(o *order) bool { return o.key == k }) {
		s.finish(o, stateCancelled, "heartbeat missed")
	}
}
