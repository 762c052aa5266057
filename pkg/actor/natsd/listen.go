package natsd

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// askTimeout is how long whoever has our port may take to introduce itself: a NATS server speaks first, at once.
const askTimeout = time.Second

// ListenError reports that the listen address cannot be had.
type ListenError struct {
	Addr string
	// Server is the name of the NATS server that answers there, empty when none does; Version is its version.
	Server, Version string
	Err             error
}

func (e *ListenError) Error() string { return e.Cause() + "; " + e.Fix() }

// Unwrap is the operating system's reason.
func (e *ListenError) Unwrap() error { return e.Err }

// Cause says what is wrong with the address and who has it, if that can be seen.
func (e *ListenError) Cause() string {
	switch {
	case e.Server != "":
		return fmt.Sprintf("cannot listen on %s: a NATS server named %q (version %s) answers there", e.Addr, e.Server, e.Version)
	case errors.Is(e.Err, syscall.EADDRINUSE):
		return fmt.Sprintf("cannot listen on %s: another program that is not a NATS server has the port", e.Addr)
	default:
		return fmt.Sprintf("cannot listen on %s: %v", e.Addr, e.Err)
	}
}

// Fix says what to do.
func (e *ListenError) Fix() string {
	return "stop that program, or choose another address with --nats-listen (port -1 picks a free one)"
}

// probe finds out whether host:port can be listened on before the data directory is opened for it. A random port
// always can.
func probe(host string, port int) error {
	if port == server.RANDOM_PORT {
		return nil
	}
	addr := net.JoinHostPort(host, strconv.Itoa(port))
	l, err := net.Listen("tcp", addr)
	if err == nil {
		return l.Close()
	}
	e := &ListenError{Addr: addr, Err: err}
	if errors.Is(err, syscall.EADDRINUSE) {
		e.Server, e.Version = introduce(addr)
	}
	return e
}

// introduce connects to addr and reads the greeting of a NATS server; both are empty when there is none.
func introduce(addr string) (name, version string) {
	conn, err := net.DialTimeout("tcp", addr, askTimeout)
	if err != nil {
		return "", ""
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(askTimeout)); err != nil {
		return "", ""
	}
	return greeting(bufio.NewReaderSize(conn, 32<<10)) // an INFO line is a few hundred bytes, plus peers
}

// greeting parses "INFO {…}\r\n", at most the reader's buffer long.
func greeting(r *bufio.Reader) (name, version string) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return "", ""
	}
	text, ok := strings.CutPrefix(string(line), "INFO ")
	if !ok {
		return "", ""
	}
	var info struct {
		ServerName string `json:"server_name"`
		Version    string `json:"version"`
	}
	if err := json.Unmarshal([]byte(text), &info); err != nil {
		return "", ""
	}
	return info.ServerName, info.Version
}
