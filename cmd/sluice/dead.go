package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/msgs"
)

// deadCmd groups what is about dead letters.
type deadCmd struct {
	List deadListCmd `cmd:"" help:"List them, newest first."`
}

type deadListCmd struct {
	busFlags
	Limit int `name:"limit" default:"50" help:"At most so many."`
}

// Run lists the newest dead letters.
func (c *deadListCmd) Run(a *app) error {
	nc, err := c.service()
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetStream(nc)
	if err != nil {
		return err
	}
	stream, err := js.Stream(a.ctx, msgs.DeadStream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return problem("no_streams", "the bus has no stream of dead letters", "start a service once, which makes it: sluice up")
	}
	if err != nil {
		return fmt.Errorf("read stream %s: %w", msgs.DeadStream, err)
	}
	info, err := stream.Info(a.ctx)
	if err != nil {
		return fmt.Errorf("read stream %s: %w", msgs.DeadStream, err)
	}
	letters, rows := []json.RawMessage{}, [][]string{}
	for seq := info.State.LastSeq; seq >= info.State.FirstSeq && seq > 0 && len(letters) < c.Limit; seq-- {
		m, err := stream.GetMsg(a.ctx, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read stream %s: %w", msgs.DeadStream, err)
		}
		var d msgs.Dead
		if err := json.Unmarshal(m.Data, &d); err != nil {
			d = msgs.Dead{Subject: m.Subject, Error: &msgs.Error{Cause: "unreadable letter"}}
		}
		cause := ""
		if d.Error != nil {
			cause = d.Error.Cause
		}
		letters = append(letters, json.RawMessage(m.Data))
		rows = append(rows, []string{time.UnixMilli(d.AtMS).Format(time.DateTime), string(d.Reason), d.Subject, fmt.Sprint(d.Seq), cause})
	}
	return a.print(map[string]any{"dead": letters}, []string{"AT", "REASON", "SUBJECT", "SEQ", "CAUSE"}, rows)
}
