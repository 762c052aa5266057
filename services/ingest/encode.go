package ingest

import (
	"encoding/json"
	"strconv"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
)

// The hot path writes its three messages by hand into reused buffers: a test compares them byte for byte with what
// encoding/json makes of the same values.

func appendBook(b []byte, k *msgs.Book) []byte {
	b = append(b, `{"v":`...)
	b = strconv.AppendInt(b, int64(k.V), 10)
	b = appendText(append(b, `,"token_id":`...), string(k.TokenID))
	b = appendText(append(b, `,"condition_id":`...), string(k.ConditionID))
	b = appendLevels(append(b, `,"bids":`...), k.Bids)
	b = appendLevels(append(b, `,"asks":`...), k.Asks)
	b = appendText(append(b, `,"tick_size":`...), k.TickSize)
	b = append(b, `,"min_size":"`...)
	b = money.Append(b, k.MinSize)
	b = append(b, `","neg_risk":`...)
	b = strconv.AppendBool(b, k.NegRisk)
	b = append(b, `,"venue_ms":`...)
	b = strconv.AppendInt(b, k.VenueMS, 10)
	b = append(b, `,"recv_us":`...)
	b = strconv.AppendInt(b, k.RecvUS, 10)
	b = appendText(append(b, `,"conn":`...), k.Conn)
	b = append(b, `,"seq":`...)
	b = strconv.AppendUint(b, k.Seq, 10)
	b = append(b, `,"fresh":`...)
	b = strconv.AppendBool(b, k.Fresh)
	return append(b, '}')
}

func appendLevels(b []byte, ls []msgs.Level) []byte {
	b = append(b, '[')
	for i, l := range ls {
		if i > 0 {
			b = append(b, ',')
		}
		b = money.Append(append(b, '[', '"'), l.Price)
		b = money.Append(append(b, '"', ',', '"'), l.Size)
		b = append(b, '"', ']')
	}
	return append(b, ']')
}

// appendRaw puts the envelope round the venue's frame, which is valid JSON and goes through as it came.
func appendRaw(b []byte, r *msgs.Raw) []byte {
	b = append(b, `{"v":`...)
	b = strconv.AppendInt(b, int64(r.V), 10)
	b = appendText(append(b, `,"token_id":`...), string(r.TokenID))
	b = append(b, `,"recv_us":`...)
	b = strconv.AppendInt(b, r.RecvUS, 10)
	b = appendText(append(b, `,"conn":`...), r.Conn)
	b = append(b, `,"seq":`...)
	b = strconv.AppendUint(b, r.Seq, 10)
	b = append(append(b, `,"frame":`...), r.Frame...)
	return append(b, '}')
}

func appendLastTrade(b []byte, t *msgs.LastTrade) []byte {
	b = append(b, `{"v":`...)
	b = strconv.AppendInt(b, int64(t.V), 10)
	b = appendText(append(b, `,"token_id":`...), string(t.TokenID))
	b = appendText(append(b, `,"condition_id":`...), string(t.ConditionID))
	b = appendText(append(b, `,"side":`...), string(t.Side))
	b = money.Append(append(b, `,"price":"`...), t.Price)
	b = money.Append(append(b, `","size":"`...), t.Size)
	b = append(b, `","venue_ms":`...)
	b = strconv.AppendInt(b, t.VenueMS, 10)
	b = append(b, `,"recv_us":`...)
	b = strconv.AppendInt(b, t.RecvUS, 10)
	b = appendText(append(b, `,"conn":`...), t.Conn)
	return append(b, '}')
}

// appendText writes a JSON string: ids and ticks are plain and are copied, the rest goes the long way.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c > 0x7e || c == '<' || c == '>' || c == '&' {
			long, err := json.Marshal(s)
			if err != nil {
				panic("marshal string: " + err.Error()) // a string always marshals
			}
			return append(b, long...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
