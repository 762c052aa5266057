package judge

import (
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
)

// wireOrder is the signed part of an order that tells two orders apart; the venue's order id is the hash of it.
type wireOrder struct {
	salt, timestamp, token, side, maker, taker, kind string
}

// key is equal for equal signed orders of one account; empty when there is no salt to tell.
func (w wireOrder) key() string {
	if w.salt == "" {
		return ""
	}
	return strings.Join([]string{w.salt, w.timestamp, w.token, w.side, w.maker, w.taker}, "|")
}

// shares and cash are what the signature covers, in shares and pUSD; nil when an amount is unreadable.
func (w wireOrder) shares() *big.Rat {
	if w.side == "SELL" {
		return fromBase(w.maker)
	}
	return fromBase(w.taker)
}

func (w wireOrder) cash() *big.Rat {
	if w.side == "SELL" {
		return fromBase(w.taker)
	}
	return fromBase(w.maker)
}

// price is cash / shares, nil when there is none.
func (w wireOrder) price() *big.Rat {
	cash, shares := w.cash(), w.shares()
	if cash == nil || zero(shares) {
		return nil
	}
	return cash.Quo(cash, shares)
}

// postBody is the venue's own form of an order.
type postBody struct {
	Order *struct {
		Maker       text `json:"maker"`
		Salt        text `json:"salt"`
		TokenID     text `json:"tokenId"`
		MakerAmount text `json:"makerAmount"`
		TakerAmount text `json:"takerAmount"`
		Side        text `json:"side"`
		Timestamp   text `json:"timestamp"`
		Expiration  text `json:"expiration"`
	} `json:"order"`
	OrderType text `json:"orderType"`
	PostOnly  text `json:"postOnly"`
	DeferExec text `json:"deferExec"`
}

func (p postBody) wire() wireOrder {
	return wireOrder{
		salt: string(p.Order.Salt), timestamp: string(p.Order.Timestamp), token: string(p.Order.TokenID),
		side: string(p.Order.Side), maker: string(p.Order.MakerAmount), taker: string(p.Order.TakerAmount),
		kind: string(p.OrderType),
	}
}

// postAnswer is the venue's answer to one order.
type postAnswer struct {
	Success  text `json:"success"`
	ErrorMsg text `json:"errorMsg"`
	OrderID  text `json:"orderID"`
	Status   text `json:"status"`
}

// accepted is the venue's own rule: success alone can be a rejection.
func (a postAnswer) accepted() bool {
	switch a.Status {
	case "live", "matched", "delayed":
		return a.Success == "true" && a.ErrorMsg == "" && a.OrderID != ""
	}
	return false
}

func (v *venue) takeRequest(l *journalLine) string {
	if !l.ID.set || !l.AtUs.set {
		return "a request line without id or at_us"
	}
	if l.Status == "429" {
		v.court.verdict.PostsThrottled++
	}
	v.arrive(l)
	v.takeSignature(l)
	if l.Method == "POST" && l.Path == submitPath && l.Fate != "lost" {
		v.answered = append(v.answered, l.ID.n)
	}
	if submission(l) && l.Fate != "lost" && l.Status != "429" {
		v.submitted = append(v.submitted, l.ID.n)
	}
	path := strings.TrimSuffix(string(l.Path), "/")
	switch {
	case l.Method == "POST" && (path == "/order" || path == "/orders"):
		return v.takePosts(l)
	case l.Method == "GET" && (strings.HasPrefix(path, "/data/order/") || strings.HasPrefix(path, "/order/")):
		v.takeLookup(l, path[strings.LastIndexByte(path, '/')+1:])
	}
	return ""
}

func (v *venue) takeLookup(l *journalLine, id string) {
	if l.Fate != "answered" && l.Fate != "late" && l.Fate != "" {
		return
	}
	id = strings.ToLower(id)
	status, _ := strconv.Atoi(string(l.Status))
	found := strings.Contains(strings.ToLower(l.Answer), id)
	denied := status == 404 || (status/100 == 2 && !found)
	v.lookups[id] = append(v.lookups[id], lookup{at: l.AtUs.n, denied: denied})
}

// takePosts files each order of a POST /order or /orders, with what the venue made of it.
func (v *venue) takePosts(l *journalLine) string {
	bodies, why := elements(l.Body)
	switch {
	case why != "" && l.Fate == "lost":
		return "" // cut off on its way: whatever it was to be, the venue has not seen an order
	case why != "":
		return "body of request " + strconv.FormatInt(l.ID.n, 10) + ": " + why
	}
	answers, _ := elements(l.Answer)
	status, _ := strconv.Atoi(string(l.Status))
	for i, raw := range bodies {
		var b postBody
		if json.Unmarshal(raw, &b) != nil || b.Order == nil {
			return "body of request " + strconv.FormatInt(l.ID.n, 10) + ": no order in it"
		}
		p := &post{request: l.ID.n, at: l.AtUs.n, account: string(l.Account), maker: lower(string(b.Order.Maker)), wire: b.wire(),
			postOnly: string(b.PostOnly), deferExec: string(b.DeferExec), expiration: b.Order.Expiration}
		seen := l.Fate == "answered" || l.Fate == ""
		if status/100 == 2 && l.Fate != "lost" && i < len(answers) {
			var a postAnswer
			ok := json.Unmarshal(answers[i], &a) == nil
			p.accepted = ok && a.accepted()
			// "unmatched" is documented both ways, so it is no definite refusal.
			p.refused = seen && ok && !p.accepted && a.Status != "unmatched"
		} else {
			p.refused = seen && (status/100 == 4 || status == 503)
		}
		v.posts = append(v.posts, p)
	}
	return ""
}

// elements is the array s, or s as the only element of one.
func elements(s string) ([]json.RawMessage, string) {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "[") {
		var out []json.RawMessage
		if err := json.Unmarshal([]byte(s), &out); err != nil {
			return nil, err.Error()
		}
		return out, ""
	}
	if !strings.HasPrefix(s, "{") || !json.Valid([]byte(s)) {
		return nil, "not JSON"
	}
	return []json.RawMessage{json.RawMessage(s)}, ""
}
