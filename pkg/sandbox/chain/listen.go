package chain

import (
	"slices"

	"github.com/ethereum/go-ethereum/core/types"
)

// maxUnheard bounds what a listener that does not listen holds back; it is cut off then, as nodes do.
const maxUnheard = 10_000

// news is one thing that happened: a new head, or logs that came or went with a block.
type news struct {
	head *types.Header
	logs []*types.Log
}

// listener is who is told of blocks. Its wake channel holds one token while there is something to take.
type listener struct {
	c     *Chain
	wake  chan struct{}
	queue []news
	ended bool
}

// Listen tells of every block from now on, by Take after Wake, until Stop.
func (c *Chain) listen() *listener {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := &listener{c: c, wake: make(chan struct{}, 1)}
	if l.ended = c.closed; !c.closed {
		c.heard[l] = struct{}{}
	}
	return l
}

// take returns what has happened since the last time, and false when there will be nothing more.
func (l *listener) take() ([]news, bool) {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	out := l.queue
	l.queue = nil
	return out, !l.ended
}

func (l *listener) stop() {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	l.end()
}

// end is called under the chain's lock.
func (l *listener) end() {
	l.ended = true
	delete(l.c.heard, l)
	l.ring()
}

func (l *listener) ring() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// tell says that a block has come.
func (c *Chain) tell(s *sealed) {
	var logs []*types.Log
	for _, r := range s.receipts {
		logs = append(logs, r.Logs...)
	}
	c.say(news{head: s.block.Header(), logs: logs})
}

// untell says that a block's logs are gone, the last first.
func (c *Chain) untell(s *sealed) {
	var logs []*types.Log
	for _, r := range s.receipts {
		for _, l := range r.Logs {
			gone := *l
			gone.Removed = true
			logs = append(logs, &gone)
		}
	}
	if slices.Reverse(logs); len(logs) > 0 {
		c.say(news{logs: logs})
	}
}

func (c *Chain) say(n news) {
	for l := range c.heard {
		if len(l.queue) >= maxUnheard {
			l.end()
			continue
		}
		l.queue = append(l.queue, n)
		l.ring()
	}
}
