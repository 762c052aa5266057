package judge

// count adds the account's figures to the verdict.
func (a *account) count() {
	n := &a.court.verdict.Counts
	n.CommandsStored += len(a.commands)
	n.EventsLogged += a.events
	n.FeedEvents += a.feed
	for _, k := range a.commands {
		if k.repeat {
			n.CommandsRepeated++
		} else if k.refused {
			n.CommandsRefused++
		}
	}
	for _, o := range a.listed {
		a.countOrder(o, n)
	}
	for _, p := range a.court.venue.posts {
		if p.account == a.name {
			n.Posts++
		}
	}
}

func (a *account) countOrder(o *order, n *Counts) {
	if len(o.commands) > 0 {
		n.OrdersSubmitted++
	} else if len(o.intents) == 0 {
		return // an id that was only cancelled
	}
	for _, s := range o.all() {
		if s.venue == nil {
			continue
		}
		if s.venue.taken {
			n.OrdersAccepted++
		}
		for _, g := range s.venue.legs {
			n.Fills++
			if !g.trade.final() {
				n.FillsPending++
			}
		}
	}
	switch o.told.state {
	case "filled":
		n.OrdersFilled++
	case "cancelled":
		n.OrdersCancelled++
	case "rejected":
		n.OrdersRejected++
	case "open", "delayed":
		n.OrdersOpen++
	case "submitting", "unknown":
		n.OrdersUnknownOpen++
	}
}

// purged reports that the record does not reach back to the first stored message, so that an intent's command may be
// missing from it rightly.
func (a *account) purged() bool { return a.firstSeq > 1 }
