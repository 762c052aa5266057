package relayer

import (
	"os"

	"sluice/pkg/actor"
)

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
