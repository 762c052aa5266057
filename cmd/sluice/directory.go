package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sluice/pkg/actor/natsd"
)

// What pkg/actor/natsd keeps beside the streams of a data directory.
const (
	holderFile = "lock"
	envFile    = "env"
)

// directory says whose the data directory is and who works on it. It takes no lock: a look must not be in the way of a
// start.
func (c *doctorCmd) directory(env string) finding {
	const check = "data"
	found, err := os.ReadFile(filepath.Join(c.Data, envFile))
	if errors.Is(err, fs.ErrNotExist) {
		return finding{Check: check, OK: true, Saw: c.Data + " is no data directory of sluice up (yet)"}
	}
	if err != nil {
		return said(check, err, "look at it as the user that sluice up runs as")
	}
	of := strings.TrimSpace(string(found))
	f := finding{Check: check, OK: of == env, Saw: fmt.Sprintf("%s of env %s, %s", c.Data, of, holder(c.Data))}
	if !f.OK {
		f.Fix = fmt.Sprintf("env %s needs a data directory of its own: name it with --data", env)
	}
	return f
}

// holder says who last took a data directory, and whether it answers now.
func holder(dir string) string {
	b, err := os.ReadFile(filepath.Join(dir, holderFile))
	var h natsd.Holder
	if err != nil || json.Unmarshal(b, &h) != nil || h.PID == 0 {
		return "held by nobody"
	}
	who := fmt.Sprintf("process %d on %s since %s", h.PID, h.Host, h.Started.Format(time.RFC3339))
	conn, err := net.DialTimeout("tcp", h.Listen, askTimeout)
	if err != nil {
		return "held by nobody now (the last was " + who + ")"
	}
	conn.Close()
	return "held by " + who + ", NATS on " + h.Listen
}
