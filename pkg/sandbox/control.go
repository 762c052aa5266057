package sandbox

import (
	"io"
	"net/http"
	"strconv"
)

// info is what /_sandbox/info tells about a running sandbox.
type info struct {
	Env      string    `json:"env"`
	Seed     uint64    `json:"seed"`
	Accounts []Account `json:"accounts"`
	Markets  []Market  `json:"markets"`
	Orders   int       `json:"open_orders"` // without the liquidity maker's
	Trades   int       `json:"trades"`
	Sockets  int       `json:"sockets"`
	Lines    int       `json:"journal_lines"`
}

func (s *Sandbox) serveInfo(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	i := info{
		Env: "sandbox", Seed: s.cfg.Seed, Accounts: Accounts(), Markets: Markets(), Trades: len(s.trades), Sockets: len(s.sockets),
		Orders: len(s.resting(func(o *order) bool { return !o.quote })), Lines: len(s.journal.since(0)),
	}
	s.mu.Unlock()
	s.tell(w, ok(i))
}

// serveJournal answers the journal as JSON lines, from line number since on.
func (s *Sandbox) serveJournal(w http.ResponseWriter, r *http.Request) {
	from := 0
	if text := r.URL.Query().Get("since"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			s.tell(w, refuse(http.StatusBadRequest, "since: not a line number"))
			return
		}
		from = n
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	for _, line := range s.journal.since(from) {
		if _, err := w.Write(line); err != nil {
			return // the reader has gone
		}
	}
}

// serveFaults shows the faults, or changes those that a POST names.
func (s *Sandbox) serveFaults(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err == nil {
			err = s.commandFaults(body)
		}
		if err != nil {
			s.tell(w, refuse(http.StatusBadRequest, err.Error()))
			return
		}
	}
	s.tell(w, ok(s.Faults()))
}

func (s *Sandbox) tell(w http.ResponseWriter, a answer) {
	if err := reply(w, a); err != nil {
		s.log.Debug("sandbox answer not read", "error", err)
	}
}
