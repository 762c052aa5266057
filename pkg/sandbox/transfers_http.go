package sandbox

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// chainHeader names the chain of the answer: after a restart it is another one, and its numbers begin anew.
const chainHeader = "Sandbox-Chain"

// maxWait bounds how long a question for transfers is held open.
const maxWait = time.Minute

// serveTransfers answers the chain's logs as JSON lines: those of the transactions after number `after`, at most `limit`
// transactions, each whole. With `wait_ms` it waits so long for the first, unless `chain` names another chain: on this one
// that number means nothing.
func (s *Sandbox) serveTransfers(w http.ResponseWriter, r *http.Request) {
	var n [3]int64
	for i, name := range []string{"after", "limit", "wait_ms"} {
		text := r.URL.Query().Get(name)
		if text == "" {
			continue
		}
		v, err := strconv.ParseInt(text, 10, 64)
		if err != nil || v < 0 {
			s.tell(w, refuse(http.StatusBadRequest, name+": not a number"))
			return
		}
		n[i] = v
	}
	after, limit := n[0], int(min(n[1], maxTransactions))
	wait := min(time.Duration(n[2])*time.Millisecond, maxWait)
	if known := r.URL.Query().Get("chain"); known != "" && known != s.chainID() {
		wait = 0
	}
	id, txs := s.awaitTransfers(r, after, limit, wait)
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set(chainHeader, id)
	enc := json.NewEncoder(w)
	for _, l := range logsOf(after, txs) {
		if err := enc.Encode(l); err != nil {
			return // the reader has gone
		}
	}
}

func (s *Sandbox) chainID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.chain.id
}

// awaitTransfers waits until there is something to tell, the time is over, the asker has gone or the sandbox ends.
func (s *Sandbox) awaitTransfers(r *http.Request, after int64, limit int, wait time.Duration) (id string, txs []transaction) {
	t := time.NewTimer(wait)
	defer t.Stop()
	for {
		s.mu.Lock()
		id, woken := s.chain.id, (<-chan struct{})(nil)
		txs, woken = s.chain.since(after, limit)
		s.mu.Unlock()
		if len(txs) > 0 || wait <= 0 {
			return id, txs
		}
		select {
		case <-woken:
		case <-t.C:
			return id, nil
		case <-r.Context().Done():
			return id, nil
		case <-s.done:
			return id, nil
		}
	}
}
