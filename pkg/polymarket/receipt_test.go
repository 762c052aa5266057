package polymarket

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/ethereum/go-ethereum/crypto"
	"github.com/holiman/uint256"
)

func TestTopicsAreTheHashesOfTheEvents(t *testing.T) {
	for event, topic := range map[string]string{eventTransfer: topicTransfer, eventTransferSingle: topicTransferSingle, eventTransferBatch: topicTransferBatch,
		eventRelayed: topicRelayed, eventExecutionSuccess: topicExecutionSuccess, eventExecutionFailure: topicExecutionFailure,
		eventPayoutRedemption: topicPayoutRedemption} {
		if got := crypto.Keccak256([]byte(event)); string(got) != topic {
			t.Errorf("%s: %x", event, got)
		}
	}
}

// event is a log with topics and words.
func event(at Address, topic string, indexed []Hash, words ...uint256.Int) Log {
	w := newArgs(0)
	for _, v := range words {
		w.uint(v)
	}
	return Log{at, append([]Hash{Hash([]byte(topic))}, indexed...), w.head}
}

func topicOf(a Address) (h Hash) {
	putAddress(h[:], a)
	return h
}

// TestFlowsAreAddedUpPerAsset: what went to the wallet and away from it, of the venue's tokens alone.
func TestFlowsAreAddedUpPerAsset(t *testing.T) {
	c, wallet, other := polygonContracts(t), Address{1}, Address{2}
	in, out := []Hash{topicOf(other), topicOf(wallet)}, []Hash{topicOf(wallet), topicOf(other)}
	batch := newArgs(2)
	batch.uints([]uint256.Int{Units(5), Units(6), Units(5)})
	batch.uints([]uint256.Int{Units(10), Units(20), Units(30)})
	logs := []Log{
		event(c.Collateral, topicTransfer, in, Units(100)), event(c.Collateral, topicTransfer, out, Units(30)), event(c.USDCe, topicTransfer, out, Units(7)),
		event(Address{9}, topicTransfer, in, Units(1)), event(c.Collateral, topicTransfer, []Hash{topicOf(other), topicOf(other)}, Units(1)),
		event(c.ConditionalTokens, topicTransferSingle, append([]Hash{{}}, out...), Units(5), Units(4)),
		{c.ConditionalTokens, append([]Hash{Hash([]byte(topicTransferBatch)), {}}, in...), batch.bytes()},
		event(c.Collateral, topicTransfer, []Hash{topicOf(wallet), topicOf(wallet)}, Units(2)), {}, {Address: c.Collateral},
	}
	got, odd := c.Flows(logs, wallet)
	want := []Flow{{c.Collateral, TokenID{}, Units(102), Units(32)}, {c.USDCe, TokenID{}, Units(0), Units(7)},
		{c.ConditionalTokens, TokenID{31: 5}, Units(40), Units(4)}, {c.ConditionalTokens, TokenID{31: 6}, Units(20), Units(0)}}
	if odd != 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("%d odd, %+v, want %+v", odd, got, want)
	}
	short := event(c.Collateral, topicTransfer, in, Units(1))
	short.Data = short.Data[1:]
	uneven := newArgs(2)
	uneven.uints([]uint256.Int{Units(5)})
	uneven.uints(nil)
	for name, l := range map[string]Log{"half an amount": short, "no parties": event(c.Collateral, topicTransfer, nil, Units(1)),
		"more ids than amounts": {c.ConditionalTokens, append([]Hash{Hash([]byte(topicTransferBatch)), {}}, in...), uneven.bytes()},
		"no receiver":           event(c.ConditionalTokens, topicTransferSingle, in, Units(1), Units(1))} {
		if flows, odd := c.Flows([]Log{l}, wallet); odd != 1 || len(flows) != 0 {
			t.Errorf("%s: %d odd, %+v", name, odd, flows)
		}
	}
}

// TestPayoutsAreAddedUpPerCondition of the contract of positions alone, and of events that are spelled right.
func TestPayoutsAreAddedUpPerCondition(t *testing.T) {
	c := polygonContracts(t)
	redeemed := func(condition byte, payout uint64) Log {
		w := newArgs(3)
		w.word(Hash{31: condition})
		w.uints([]uint256.Int{Units(1), Units(2)})
		w.uint(Units(int64(payout)))
		return Log{c.ConditionalTokens, []Hash{Hash([]byte(topicPayoutRedemption)), topicOf(c.CollateralAdapter), topicOf(c.USDCe), {}}, w.bytes()}
	}
	elsewhere, short, plain := redeemed(1, 1000), redeemed(1, 1000), redeemed(1, 1000)
	elsewhere.Address, short.Data, plain.Topics = Address{9}, short.Data[1:], plain.Topics[:3]
	got := c.Payouts([]Log{{}, redeemed(1, 10), redeemed(2, 0), elsewhere, redeemed(1, 5), short, plain})
	if want := map[Hash]uint256.Int{{31: 1}: Units(15), {31: 2}: Units(0)}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestSafeSaysWhatBecameOfItsTransaction in the words of 1.3.0 and of later versions, and of no other Safe or transaction.
func TestSafeSaysWhatBecameOfItsTransaction(t *testing.T) {
	safe, hash := Address{5}, Hash{7}
	number := *new(uint256.Int).SetBytes32(hash[:])
	for name, c := range map[string]struct {
		log            Log
		success, found bool
	}{
		"success":                {event(safe, topicExecutionSuccess, nil, number, Units(0)), true, true},
		"failure":                {event(safe, topicExecutionFailure, nil, number, Units(0)), false, true},
		"success, later version": {event(safe, topicExecutionSuccess, []Hash{hash}, Units(0)), true, true},
		"another transaction":    {event(safe, topicExecutionSuccess, nil, Units(1), Units(0)), false, false},
		"another Safe":           {event(Address{6}, topicExecutionSuccess, nil, number, Units(0)), false, false},
		"another event":          {event(safe, topicTransfer, nil, number, Units(0)), false, false},
		"cut short":              {Log{safe, []Hash{Hash([]byte(topicExecutionSuccess))}, hash[:31]}, false, false},
		"nothing":                {Log{Address: safe}, false, false},
	} {
		if success, found := SafeResult([]Log{{}, c.log}, safe, hash); success != c.success || found != c.found {
			t.Errorf("%s: %t, found %t", name, success, found)
		}
	}
}

func FuzzFlows(f *testing.F) {
	c, wallet := polygonContracts(f), Address{1}
	batch := newArgs(2)
	batch.uints([]uint256.Int{Units(5), Units(6)})
	batch.uints([]uint256.Int{Units(10), Units(20)})
	f.Add(uint8(0), wallet[:], batch.bytes())
	f.Add(uint8(1), []byte{}, batch.bytes()[:64])
	f.Add(uint8(2), wallet[:], batch.bytes()[:32])
	f.Fuzz(func(t *testing.T, kind uint8, from, data []byte) {
		var sender Address
		copy(sender[:], from)
		topics := []Hash{Hash([]byte(topicTransferBatch)), {}, topicOf(sender), topicOf(wallet)}
		at := c.ConditionalTokens
		switch kind % 3 {
		case 1:
			topics[0] = Hash([]byte(topicTransferSingle))
		case 2:
			at, topics = c.Collateral, []Hash{Hash([]byte(topicTransfer)), topics[2], topics[3]}
		}
		flows, odd := c.Flows([]Log{{at, topics, data}}, wallet)
		if odd > 1 || odd == 1 && len(flows) > 0 || len(flows) > len(data) {
			t.Fatalf("%d odd, %+v", odd, flows)
		}
		for _, fl := range flows {
			if bytes.Equal(sender[:], wallet[:]) != (fl.In == fl.Out) && !fl.In.IsZero() {
				t.Fatalf("%+v", fl)
			}
		}
	})
}
