package polymarket

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"
)

// Bounds of the venue on one request.
const (
	MaxBatch  = 15   // orders in POST /orders
	MaxCancel = 1000 // ids in DELETE /orders; the pages disagree about 3000
)

// PostRequest is one order to be placed.
type PostRequest struct {
	Envelope
	// SendBy is the last moment at which the request may begin to leave; zero is none. Give it a monotonic reading (a time
	// from time.Now). When it passes first, the outcome is NeverLeft with ErrTooLate.
	SendBy time.Time
}

// PostOrder places one order.
func (c *CLOB) PostOrder(ctx context.Context, r PostRequest) (Outcome, Reply) {
	k := call{method: "POST", path: "/order", body: PostBody(c.owned(r.Envelope)), auth: l2, sendBy: r.SendBy}
	a, err := c.send(ctx, k)
	if o := lost(a, err); o != nil {
		return o, a.Reply
	}
	return ClassifyPost(a.Status, a.header, a.body, r.Order.ID, c.now()), a.Reply
}

// PostOrders places 1 to MaxBatch orders with one request and returns one outcome for each, in order. The earliest SendBy
// counts for all. A batch of another length is not sent: every outcome is NeverLeft with ErrBatchSize.
func (c *CLOB) PostOrders(ctx context.Context, rs []PostRequest) ([]Outcome, Reply) {
	if len(rs) == 0 || len(rs) > MaxBatch {
		return slices.Repeat([]Outcome{NeverLeft{fmt.Errorf("%w: %d orders, at most %d", ErrBatchSize, len(rs), MaxBatch)}}, len(rs)), Reply{}
	}
	envelopes, ids := make([]Envelope, len(rs)), make([]Hash, len(rs))
	var sendBy time.Time
	for i, r := range rs {
		envelopes[i], ids[i] = c.owned(r.Envelope), r.Order.ID
		if !r.SendBy.IsZero() && (sendBy.IsZero() || r.SendBy.Before(sendBy)) {
			sendBy = r.SendBy
		}
	}
	a, err := c.send(ctx, call{method: "POST", path: "/orders", body: BatchBody(envelopes), auth: l2, sendBy: sendBy})
	if o := lost(a, err); o != nil {
		return slices.Repeat([]Outcome{o}, len(rs)), a.Reply
	}
	return ClassifyBatch(a.Status, a.header, a.body, ids, c.now()), a.Reply
}

// ErrBatchSize reports more elements than the venue takes in one request, or none.
var ErrBatchSize = errors.New("batch size")

func (c *CLOB) owned(e Envelope) Envelope {
	if e.Owner == "" {
		e.Owner = c.Creds.Key
	}
	return e
}

// lost is the outcome of a call without a whole answer, nil when there is one. A refusal by status alone stands even if
// its body was cut off.
func lost(a answer, err error) Outcome {
	var never errNotSent
	switch {
	case err == nil:
		return nil
	case errors.As(err, &never):
		return NeverLeft{never.cause}
	case a.Status/100 == 4:
		return nil
	}
	return Unknown{err}
}

// CancelOrder cancels one order by id.
func (c *CLOB) CancelOrder(ctx context.Context, id string) (CancelOutcome, Reply) {
	return c.cancel(ctx, call{path: "/order", body: CancelBody(id)})
}

// CancelOrders cancels 1 to MaxCancel orders by id. Another number is not sent: Failure is NeverLeft with ErrBatchSize.
func (c *CLOB) CancelOrders(ctx context.Context, ids []string) (CancelOutcome, Reply) {
	if len(ids) == 0 || len(ids) > MaxCancel {
		return CancelOutcome{Failure: NeverLeft{fmt.Errorf("%w: %d ids, at most %d", ErrBatchSize, len(ids), MaxCancel)}}, Reply{}
	}
	return c.cancel(ctx, call{path: "/orders", body: CancelBatchBody(ids)})
}

// CancelAll cancels every open order of the API key's account.
func (c *CLOB) CancelAll(ctx context.Context) (CancelOutcome, Reply) {
	return c.cancel(ctx, call{path: "/cancel-all"})
}

// CancelMarket cancels every open order of the account in a market (condition id), of a token, or of both; one may be "".
func (c *CLOB) CancelMarket(ctx context.Context, conditionID, tokenID string) (CancelOutcome, Reply) {
	return c.cancel(ctx, call{path: "/cancel-market-orders", body: CancelMarketBody(conditionID, tokenID)})
}

func (c *CLOB) cancel(ctx context.Context, k call) (CancelOutcome, Reply) {
	k.method, k.auth = "DELETE", l2
	a, err := c.send(ctx, k)
	if o := lost(a, err); o != nil {
		return CancelOutcome{Failure: o}, a.Reply
	}
	return ClassifyCancel(a.Status, a.header, a.body, c.now()), a.Reply
}

// Order looks one order up by its id. found is false only when the venue itself says that it does not know the id.
func (c *CLOB) Order(ctx context.Context, id string) (o OpenOrder, found bool, err error) {
	k := call{method: "GET", path: "/data/order/" + url.PathEscape(id), auth: l2}
	v, err := c.get(ctx, k)
	switch {
	case errors.Is(err, ErrNotFound):
		return OpenOrder{}, false, nil
	case err != nil:
		return OpenOrder{}, false, err
	case v.isNull():
		return OpenOrder{}, false, nil
	}
	if o, err = decodeOpenOrder(v); err != nil || o.ID == "" {
		return OpenOrder{}, false, errors.Join(misread(k, v), err)
	}
	return o, true, nil
}

// OrderFilter narrows OpenOrders; empty fields do not.
type OrderFilter struct{ ID, Market, AssetID string }

// OpenOrders returns all open orders of the account that match, from every page. With an error it returns those that could be
// read.
func (c *CLOB) OpenOrders(ctx context.Context, f OrderFilter) (out []OpenOrder, err error) {
	return readAll("open orders", decodeOpenOrder, func(each func(value)) error { return c.pages(ctx, openOrders(f), each) })
}

// OpenOrdersPage is OpenOrders of one page: the first where cursor is "". next is the cursor of the following one, "" behind the
// last and with an error.
func (c *CLOB) OpenOrdersPage(ctx context.Context, f OrderFilter, cursor string) (out []OpenOrder, next string, err error) {
	out, err = readAll("open orders", decodeOpenOrder, func(each func(value)) (err error) {
		next, err = c.pageAt(ctx, openOrders(f), cursor, each)
		return err
	})
	return out, next, err
}

func openOrders(f OrderFilter) call {
	return call{method: "GET", path: "/data/orders", auth: l2, query: query("id", f.ID, "market", f.Market, "asset_id", f.AssetID)}
}

// readAll decodes what walk hands it. With an error it returns what could be read.
func readAll[T any](what string, decode func(value) (T, error), walk func(each func(value)) error) (out []T, err error) {
	var bad error
	err = walk(func(v value) {
		o, err := decode(v)
		if err != nil {
			bad = errors.Join(bad, err)
			return
		}
		out = append(out, o)
	})
	if err = errors.Join(err, bad); err != nil {
		return out, fmt.Errorf("read %s: %w", what, err)
	}
	return out, nil
}

// TradeFilter narrows Trades; empty fields do not. Before and After are Unix seconds.
type TradeFilter struct {
	ID, Maker, Market, AssetID string
	Before, After              int64
}

// Trades returns all trades of the account that match, from every page. With an error it returns those that could be read.
func (c *CLOB) Trades(ctx context.Context, f TradeFilter) ([]Trade, error) {
	return readAll("trades", decodeTrade, func(each func(value)) error { return c.pages(ctx, trades(f), each) })
}

// TradesPage is Trades of one page: the first where cursor is "". next is the cursor of the following one, "" behind the last
// and with an error.
func (c *CLOB) TradesPage(ctx context.Context, f TradeFilter, cursor string) (out []Trade, next string, err error) {
	out, err = readAll("trades", decodeTrade, func(each func(value)) (err error) {
		next, err = c.pageAt(ctx, trades(f), cursor, each)
		return err
	})
	return out, next, err
}

func trades(f TradeFilter) call {
	return call{method: "GET", path: "/data/trades", auth: l2, query: query("id", f.ID, "maker_address", f.Maker, "market", f.Market,
		"asset_id", f.AssetID, "before", nonZero(f.Before), "after", nonZero(f.After))}
}
