package judge

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kind names one sort of wrongdoing; it is also the name of its count in the JSON form.
type Kind string

// The sorts of wrongdoing. Each has a count in [Wrong] of the same name and up to Options.MaxFindings findings.
const (
	DuplicatesAtVenue Kind = "duplicates_at_venue"
	Unlogged          Kind = "unlogged"
	Uncommanded       Kind = "uncommanded"
	Resigned          Kind = "resigned"
	UnsafeResends     Kind = "unsafe_resends"
	LostCommands      Kind = "lost_commands"
	Unresolved        Kind = "unresolved"
	Denied            Kind = "denied"
	Phantom           Kind = "phantom"
	LateSends         Kind = "late_sends"
	AfterBarrier      Kind = "after_barrier"
	EarlyReplaces     Kind = "early_replaces"
	WrongState        Kind = "wrong_state"
	FillsMissing      Kind = "fills_missing"
	FillsRepeated     Kind = "fills_repeated"
	FillsUnknown      Kind = "fills_unknown"
	NGaps             Kind = "n_gaps"
	FenceBreaks       Kind = "fence_breaks"
	CursorRegressions Kind = "cursor_regressions"
	WrongEnv          Kind = "wrong_env"
	LimitsExceeded    Kind = "limits_exceeded"
	Unreadable        Kind = "unreadable"
)

// Counts says what the run did, as far as it did nothing wrong. Orders are counted by distinct client_order_id;
// filled, cancelled, rejected, open and unknown_open divide them by the last state told on the log.
type Counts struct {
	OrdersSubmitted   int `json:"orders_submitted"`    // ids stored by a submit or replace
	OrdersAccepted    int `json:"orders_accepted"`     // venue orders of these that were live, matched or delayed
	OrdersFilled      int `json:"orders_filled"`       // last state filled
	OrdersCancelled   int `json:"orders_cancelled"`    // last state cancelled, killed in the queue included
	OrdersRejected    int `json:"orders_rejected"`     // last state rejected
	OrdersOpen        int `json:"orders_open"`         // last state open or delayed
	OrdersUnknownOpen int `json:"orders_unknown_open"` // last state submitting or unknown
	OrdersForeign     int `json:"orders_foreign"`      // sent on the account by other hands
	CommandsStored    int `json:"commands_stored"`     // commands on the judged streams, repeats included
	CommandsRepeated  int `json:"commands_repeated"`   // stored again with the same content
	CommandsRefused   int `json:"commands_refused"`    // answered as bad input, or put to DEAD
	EventsLogged      int `json:"events_logged"`       // events on the LOG streams
	FeedEvents        int `json:"feed_events"`         // venue events handed to the accounts
	Posts             int `json:"posts"`               // orders carried by requests, repeats included
	PostsThrottled    int `json:"posts_throttled"`     // requests of any sort that were answered 429
	Fills             int `json:"fills"`               // trade legs of these at the venue
	FillsPending      int `json:"fills_pending"`       // of these neither CONFIRMED nor FAILED
}

// Wrong counts wrongdoing. Every field must be zero for the judge to be content.
type Wrong struct {
	DuplicatesAtVenue int `json:"duplicates_at_venue"`
	Unlogged          int `json:"unlogged"`
	Uncommanded       int `json:"uncommanded"`
	Resigned          int `json:"resigned"`
	UnsafeResends     int `json:"unsafe_resends"`
	// Lost is the sum of the four counts that follow.
	Lost              int `json:"lost"`
	LostCommands      int `json:"lost_commands"`
	Unresolved        int `json:"unresolved"`
	Denied            int `json:"denied"`
	Phantom           int `json:"phantom"`
	LateSends         int `json:"late_sends"`
	AfterBarrier      int `json:"after_barrier"`
	EarlyReplaces     int `json:"early_replaces"`
	WrongState        int `json:"wrong_state"`
	FillsMissing      int `json:"fills_missing"`
	FillsRepeated     int `json:"fills_repeated"`
	FillsUnknown      int `json:"fills_unknown"`
	NGaps             int `json:"n_gaps"`
	FenceBreaks       int `json:"fence_breaks"`
	CursorRegressions int `json:"cursor_regressions"`
	WrongEnv          int `json:"wrong_env"`
	LimitsExceeded    int `json:"limits_exceeded"`
	Unreadable        int `json:"unreadable"`
}

// charge ties a kind to its meaning and its count.
type charge struct {
	kind  Kind
	means string
	count *int
}

// charges lists every kind once, in the order in which people want to read them.
func (w *Wrong) charges() []charge {
	return []charge{
		{DuplicatesAtVenue, "an order id taken or executed twice, or a second venue order for one command", &w.DuplicatesAtVenue},
		{Unlogged, "sent with no intent on the log, or before it was stored", &w.Unlogged},
		{Uncommanded, "an intent that no stored command asked for", &w.Uncommanded},
		{Resigned, "a second signature for an intent that may have left", &w.Resigned},
		{UnsafeResends, "same bytes again without the venue's denial, too early, or for FOK/FAK", &w.UnsafeResends},
		{LostCommands, "a stored command that no event answers", &w.LostCommands},
		{Unresolved, "a command left without a final or open state", &w.Unresolved},
		{Denied, "told rejected, but the venue has it", &w.Denied},
		{Phantom, "told accepted, but the venue never had it", &w.Phantom},
		{LateSends, "sent after its valid_until or past the send-by rule", &w.LateSends},
		{AfterBarrier, "sent after, or resting in spite of, a cancel, cancel_all or halt", &w.AfterBarrier},
		{EarlyReplaces, "a replacement sent while the old order was open", &w.EarlyReplaces},
		{WrongState, "told state unequal to the venue's", &w.WrongState},
		{FillsMissing, "a trade leg never told as a fill", &w.FillsMissing},
		{FillsRepeated, "a trade leg told as a fill more than once", &w.FillsRepeated},
		{FillsUnknown, "a fill told that the venue does not have", &w.FillsUnknown},
		{NGaps, "an event whose n does not follow the one before", &w.NGaps},
		{FenceBreaks, "a message written past a later owner's claim", &w.FenceBreaks},
		{CursorRegressions, "a cursor that went back", &w.CursorRegressions},
		{WrongEnv, "a log of another env than the venue's", &w.WrongEnv},
		{LimitsExceeded, "a limit count above its limit", &w.LimitsExceeded},
		{Unreadable, "a line or payload that could not be read", &w.Unreadable},
	}
}

// Finding is one case of wrongdoing. Fields that do not apply are empty.
type Finding struct {
	Kind          Kind   `json:"kind"`
	Account       string `json:"account,omitempty"`
	ClientOrderID string `json:"client_order_id,omitempty"`
	OrderID       string `json:"order_id,omitempty"`
	Stream        string `json:"stream,omitempty"`
	Seq           int64  `json:"seq,omitempty"`
	Request       int64  `json:"request,omitempty"`
	AtUs          int64  `json:"at_us,omitempty"`
	Why           string `json:"why"`
}

// Excess is how far one limit was passed, in that limit's own unit: by the venue's own counts the most in one of them and how
// many there were, and by the judge's recount of all arrivals.
type Excess struct {
	Limit     string `json:"limit"`
	Max       string `json:"max_excess"`
	Times     int    `json:"times"`
	Recounted int64  `json:"recounted"`
}

// LimitUse is one limit by the judge's recount. Worst is the fullest span of a window, or what was missing in a bucket.
type LimitUse struct {
	Limit   string `json:"limit"`
	Arrived int64  `json:"arrived"`
	Allowed int64  `json:"allowed"`
	Worst   int64  `json:"worst"`
	Excess  int64  `json:"excess"`
	FirstUs int64  `json:"first_us"`
	LastUs  int64  `json:"last_us"`
}

// Verdict is what the judge found. It marshals as one JSON object: "content", the counts and the wrongs by name,
// "unfamiliar", "excesses", "findings".
type Verdict struct {
	Accounts []string `json:"accounts"`
	Counts
	Wrong
	// Unfamiliar counts well-formed things of kinds the judge does not know, by name.
	Unfamiliar map[string]int `json:"unfamiliar,omitempty"`
	Excesses   []Excess       `json:"excesses,omitempty"`
	// Limits are all limits that were used, when the journal says what was allowed.
	Limits []LimitUse `json:"limits,omitempty"`
	// Findings hold at most Options.MaxFindings of each kind, in the order found; the counts are always exact.
	Findings []Finding `json:"findings"`
}

// Content reports that the run did nothing wrong and everything could be read.
func (v Verdict) Content() bool {
	for _, c := range v.Wrong.charges() {
		if *c.count != 0 {
			return false
		}
	}
	return true
}

// MarshalJSON adds "content" to the fields.
func (v Verdict) MarshalJSON() ([]byte, error) {
	type plain Verdict
	return json.Marshal(struct {
		Content bool `json:"content"`
		plain
	}{v.Content(), plain(v)})
}

// Of returns the findings of one kind.
func (v Verdict) Of(k Kind) []Finding {
	var out []Finding
	for _, f := range v.Findings {
		if f.Kind == k {
			out = append(out, f)
		}
	}
	return out
}

// String is the verdict for people, over several lines: what the run did, then each wrong with its findings.
func (v Verdict) String() string {
	var b strings.Builder
	word := "content: nothing wrong"
	if !v.Content() {
		word = "not content"
	}
	fmt.Fprintf(&b, "%s (accounts: %s)\n\n", word, strings.Join(v.Accounts, ", "))
	fmt.Fprintf(&b, "orders    submitted %d  accepted %d  filled %d  cancelled %d  rejected %d  open %d  unknown %d  foreign %d\n",
		v.OrdersSubmitted, v.OrdersAccepted, v.OrdersFilled, v.OrdersCancelled, v.OrdersRejected, v.OrdersOpen,
		v.OrdersUnknownOpen, v.OrdersForeign)
	fmt.Fprintf(&b, "commands  stored %d  repeated %d  refused %d\n", v.CommandsStored, v.CommandsRepeated, v.CommandsRefused)
	fmt.Fprintf(&b, "venue     posts %d  throttled %d  fills %d  pending %d\n", v.Posts, v.PostsThrottled, v.Fills, v.FillsPending)
	fmt.Fprintf(&b, "log       events %d  feed %d\n\n", v.EventsLogged, v.FeedEvents)
	for _, c := range v.Wrong.charges() {
		fmt.Fprintf(&b, "%6d  %-20s %s\n", *c.count, c.kind, c.means)
		for _, f := range v.Of(c.kind) {
			fmt.Fprintf(&b, "        - %s\n", f)
		}
	}
	for _, e := range v.Excesses {
		fmt.Fprintf(&b, "limit %s: at most %s over, %d times; counted again %d over\n", e.Limit, cmp.Or(e.Max, "0"), e.Times, e.Recounted)
	}
	names := make([]string, 0, len(v.Unfamiliar))
	for name := range v.Unfamiliar {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&b, "unfamiliar %s: %d\n", name, v.Unfamiliar[name])
	}
	return b.String()
}

// String is one line: what it is about, when, why.
func (f Finding) String() string {
	var about []string
	add := func(name, value string) {
		if value != "" {
			about = append(about, name+" "+value)
		}
	}
	add("account", f.Account)
	add("order", f.ClientOrderID)
	add("id", f.OrderID)
	if f.Stream != "" {
		add("at", fmt.Sprintf("%s:%d", f.Stream, f.Seq))
	}
	if f.Request != 0 {
		add("request", fmt.Sprint(f.Request))
	}
	if f.AtUs != 0 {
		add("time", time.UnixMicro(f.AtUs).UTC().Format("2006-01-02T15:04:05.000000Z"))
	}
	return strings.Join(append(about, f.Why), ", ")
}
