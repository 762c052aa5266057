package gate

import "time"

// View is the state of a counter.
type View struct {
	Flight  int // units in flight
	Waiting int // units that wait
	Cut     int // permille of the figures in force
	Gap     int // units that the venue's last count had less than ours
	Lent    int // units that were lent and have not left
	Stopped time.Time
	Layers  []LayerView

	// Of its bucket, if it has one.
	Rate int
	Per  time.Duration
}

// LayerView is the state of one layer.
type LayerView struct {
	Bucket bool
	Used   int // units that are not free
	Limit  int
	Full   int // the documented figure
	Per    time.Duration
	FreeAt time.Time // when one unit may leave from this layer
}

// View shows a counter.
func (g *Gate) View(now time.Time, c *Counter) View {
	t := g.at(now)
	g.expire(t)
	v := View{Flight: c.flight, Cut: c.cut, Gap: c.gap, Lent: c.loan.lent[Ordinary] + c.loan.lent[Urgent], Stopped: g.time(c.until)}
	for _, n := range c.waiting {
		v.Waiting += n
	}
	for i := range c.windows {
		w := &c.windows[i]
		free := max(c.windowFree(w, t, 1, 0, 0), c.until)
		v.Layers = append(v.Layers, LayerView{Used: c.log.since(t-w.span) + c.flight, Limit: w.now, Full: w.Full, Per: w.Per, FreeAt: g.time(free)})
	}
	if b := c.rule.Bucket; b != nil {
		v.Rate, v.Per = b.Rate, b.Per
		there := int(c.micro(t)/million) - c.flight
		if c.micro(t) < 0 {
			there--
		}
		free := max(t+c.refill(int64(1+c.flight)*million-c.micro(t)), c.until)
		v.Layers = append(v.Layers, LayerView{Bucket: true, Used: b.Burst - there, Limit: b.Burst, Full: b.Burst,
			Per: time.Duration(int64(b.Burst) * int64(b.Per) / int64(b.Rate)), FreeAt: g.time(free)})
	}
	return v
}

// WhenOne is when a counter's bucket could let one unit go if it now held `change` more than it does; now without one.
func (g *Gate) WhenOne(now time.Time, c *Counter, change int) time.Time {
	t := g.at(now)
	if c.rule.Bucket == nil {
		return g.time(t)
	}
	return g.time(t + c.refill(int64(1+c.flight-change)*million-c.micro(t)))
}
