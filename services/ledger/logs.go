package ledger

import (
	"errors"
	"math/big"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
)

// First topics of the logs that move money; a test recomputes them from the signatures.
const (
	topicTransfer = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
	topicSingle   = "0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62"
	topicBatch    = "0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb"
	topicFilled   = "0xd543adfd945773f1a62f74f0ee55a5e3b9b1a28262980ba90b1a89f2ea84d8ee"
)

var errShort = errors.New("it is shorter than its event")

// decode reads one log: the transfers in it, or the fill.
func (c *Onchain) decode(l *types.Log) ([]Log, error) {
	if len(l.Topics) == 0 {
		return nil, errShort
	}
	words, topic := len(l.Data)/32, l.Topics[0].Hex()
	word := func(i int) []byte { return l.Data[32*i : 32*i+32] }
	party := func(i int) string { return strings.ToLower(common.BytesToAddress(l.Topics[i].Bytes()).Hex()) }
	switch {
	case l.Address == c.Cash && topic == topicTransfer:
		if len(l.Topics) != 3 || words < 1 {
			return nil, errShort
		}
		return []Log{{Transfer: &Transfer{Asset: Cash, From: party(1), To: party(2), Amount: number(word(0))}}}, nil
	case l.Address == c.Positions && topic == topicSingle:
		if len(l.Topics) != 4 || words < 2 {
			return nil, errShort
		}
		return []Log{{Transfer: &Transfer{Asset: tokenOf(word(0)), From: party(2), To: party(3), Amount: number(word(1))}}}, nil
	case l.Address == c.Positions && topic == topicBatch:
		if len(l.Topics) != 4 || words < 2 {
			return nil, errShort
		}
		ids, amounts := array(l.Data, word(0)), array(l.Data, word(1))
		if ids == nil || amounts == nil || len(ids) != len(amounts) {
			return nil, errShort
		}
		var out []Log
		for i := range ids {
			out = append(out, Log{Transfer: &Transfer{Asset: tokenOf(ids[i]), From: party(2), To: party(3), Amount: number(amounts[i])}})
		}
		return out, nil
	case topic == topicFilled:
		if len(l.Topics) != 4 || words < 5 {
			return nil, errShort
		}
		side, size, cash := msgs.Buy, number(word(3)), number(word(2))
		if number(word(0)) == 1 {
			side, size, cash = msgs.Sell, cash, size
		}
		return []Log{{Fill: &Fill{Order: msgs.OrderID(l.Topics[1].Hex()), Wallet: party(2), Token: msgs.TokenID(tokenOf(word(1))), Side: side,
			Size: money.Size(size), Cash: money.Cash(cash), Fee: money.Cash(number(word(4)))}}}, nil
	}
	return nil, nil
}

func tokenOf(b []byte) Asset { return Asset(new(big.Int).SetBytes(b).String()) }

// array is a dynamic array of words at an offset, nil where it does not fit into the data; an empty one is not nil.
func array(data, offset []byte) [][]byte {
	at := number(offset)
	if at < 0 || at > int64(len(data))-32 {
		return nil
	}
	n := number(data[at : at+32])
	if n < 0 || n > (int64(len(data))-at-32)/32 {
		return nil
	}
	out := make([][]byte, 0, n)
	for i := range n {
		out = append(out, data[at+32+32*i:at+64+32*i])
	}
	return out
}
