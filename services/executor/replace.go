package executor

import (
	"sluice/pkg/msgs"
)

func (t *turn) replace(a *Asked, c *msgs.Replace) {}
func (t *turn) release(d *order)                  {}
