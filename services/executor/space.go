package executor

import (
	"os"

	"sluice/pkg/actor"
)

// room is how full the fullest place is in which the account is kept.
func (d *desk) room() actor.Room {
	if act := d.actor.Load(); act != nil {
		return act.Room()
	}
	return actor.Room{}
}

// disk says how full the file system of the data directory is; nil where there is no such directory here.
func (d *desk) disk() func() (int, error) {
	if d.s.cfg.DiskUse != nil {
		return d.s.cfg.DiskUse
	}
	data := d.s.cfg.Data
	if _, err := os.Stat(data); data == "" || err != nil {
		return nil
	}
	return func() (int, error) { return actor.DiskUse(data) }
}
