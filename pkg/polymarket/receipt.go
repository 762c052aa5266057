package polymarket

import (
	"slices"

	"github.com/holiman/uint256"
)

// Log is an event of a transaction's receipt.
type Log struct {
	Address Address
	Topics  []Hash
	Data    []byte
}

// First topics of the events that tell what became of a transaction; a test recomputes them from the signatures.
const (
	topicTransfer         = "\xdd\xf2\x52\xad\x1b\xe2\xc8\x9b\x69\xc2\xb0\x68\xfc\x37\x8d\xaa\x95\x2b\xa7\xf1\x63\xc4\xa1\x16\x28\xf5\x5a\x4d\xf5\x23\xb3\xef"
	topicTransferSingle   = "\xc3\xd5\x81\x68\xc5\xae\x73\x97\x73\x1d\x06\x3d\x5b\xbf\x3d\x65\x78\x54\x42\x73\x43\xf4\xc0\x83\x24\x0f\x7a\xac\xaa\x2d\x0f\x62"
	topicTransferBatch    = "\x4a\x39\xdc\x06\xd4\xc0\xdb\xc6\x4b\x70\xaf\x90\xfd\x69\x8a\x23\x3a\x51\x8a\xa5\xd0\x7e\x59\x5d\x98\x3b\x8c\x05\x26\xc8\xf7\xfb"
	topicExecutionSuccess = "\x44\x2e\x71\x5f\x62\x63\x46\xe8\xc5\x43\x81\x00\x2d\xa6\x14\xf6\x2b\xee\x8d\x27\x38\x65\x35\xb2\x52\x1e\xc8\x54\x08\x98\x55\x6e"
	topicRelayed          = "\xab\x74\x39\x0d\x39\x59\x16\xd9\xe0\x00\x62\x98\xd4\x79\x38\xa5\xde\xf5\xd3\x67\x05\x4d\xcc\xa7\x8f\xa6\xec\x84\x38\x1f\x3f\x22"
	topicPayoutRedemption = "\x26\x82\x01\x2a\x4a\x4f\x19\x73\x11\x9f\x1c\x9b\x90\x74\x5d\x1b\xd9\x1f\xa2\xba\xb3\x87\x34\x4f\x04\x4c\xb3\x58\x68\x64\xd1\x8d"
	topicExecutionFailure = "\x23\x42\x8b\x18\xac\xfb\x3e\xa6\x4b\x08\xdc\x0c\x1d\x29\x6e\xa9\xc0\x97\x02\xc0\x90\x83\xca\x52\x72\xe6\x4d\x11\x5b\x68\x7d\x23"
)

const (
	eventTransfer         = "Transfer(address,address,uint256)"
	eventTransferSingle   = "TransferSingle(address,address,address,uint256,uint256)"
	eventTransferBatch    = "TransferBatch(address,address,address,uint256[],uint256[])"
	eventExecutionSuccess = "ExecutionSuccess(bytes32,uint256)"
	eventRelayed          = "TransactionRelayed(address,address,address,bytes4,uint8,uint256)"
	eventExecutionFailure = "ExecutionFailure(bytes32,uint256)"
	eventPayoutRedemption = "PayoutRedemption(address,address,bytes32,bytes32,uint256[],uint256)"
)

// SafeResult reports what the Safe says about the transaction with the hash: found, and whether it succeeded. A receipt that looks
// well proves nothing by itself: a Safe can report the failure of its call in an event, and another of its transactions may
// have taken the nonce.
func SafeResult(logs []Log, safe Address, hash Hash) (success, found bool) {
	for _, l := range logs {
		if l.Address != safe || len(l.Topics) == 0 {
			continue
		}
		first := string(l.Topics[0][:])
		ok := first == topicExecutionSuccess
		if !ok && first != topicExecutionFailure {
			continue
		}
		// Version 1.3.0 has the hash in the data, later ones have it as a topic.
		if len(l.Topics) == 2 && l.Topics[1] == hash || len(l.Topics) == 1 && len(l.Data) >= word && Hash(l.Data[:word]) == hash {
			return ok, true
		}
	}
	return false, false
}

// HubResult reports what the relay hub says about the one transaction of owner's proxy wallet among the logs: found, and whether
// its calls succeeded. The receipt looks well when they failed. With several of the owner's nothing is found, as nobody could say
// which is meant.
func (c Contracts) HubResult(logs []Log, owner Address) (success, found bool) {
	count := 0
	for _, l := range logs {
		if l.Address != c.RelayHub || c.RelayHub == (Address{}) || len(l.Topics) != 4 || string(l.Topics[0][:]) != topicRelayed || party(l.Topics[2]) != owner {
			continue
		}
		in := readArgs(l.Data, 3) // selector, status, charge
		in.word()
		status := in.small(maxByte)
		success, count = status == 0 && in.done(), count+1
	}
	return success && count == 1, count == 1
}

// Flow is how much of one asset came to a wallet and left it in a transaction.
type Flow struct {
	Token   Address // the ERC-20 token, or the contract of positions
	ID      TokenID // of a position, else zero
	In, Out uint256.Int
}

// Flows are what a transaction's events say about the wallet's pUSD, USDC.e and positions, in order of first appearance; what came
// and went again is among them. Other contracts may write any event they like, so only the venue's are believed. Events that
// are not spelled right are skipped and counted in odd.
func (c Contracts) Flows(logs []Log, wallet Address) (flows []Flow, odd int) {
	for _, l := range logs {
		moves, ok := c.moves(l)
		if !ok {
			odd++
			continue
		}
		for _, m := range moves {
			flows = m.note(flows, wallet)
		}
	}
	return flows, odd
}

// move is one asset going from one to another.
type move struct {
	Flow
	from, to Address
	amount   uint256.Int
}

func (m move) note(flows []Flow, wallet Address) []Flow {
	if m.from != wallet && m.to != wallet {
		return flows
	}
	at := slices.IndexFunc(flows, func(f Flow) bool { return f.Token == m.Token && f.ID == m.ID })
	if at < 0 {
		at, flows = len(flows), append(flows, Flow{Token: m.Token, ID: m.ID})
	}
	if m.to == wallet {
		flows[at].In.Add(&flows[at].In, &m.amount)
	}
	if m.from == wallet {
		flows[at].Out.Add(&flows[at].Out, &m.amount)
	}
	return flows
}

// moves reads one event; none for events of other kinds and contracts, not ok when one of the venue's is not spelled right.
func (c Contracts) moves(l Log) (_ []move, ok bool) {
	if len(l.Topics) == 0 || l.Address == (Address{}) {
		return nil, true
	}
	topic, money := string(l.Topics[0][:]), l.Address == c.Collateral || l.Address == c.USDCe
	positions := l.Address == c.ConditionalTokens || l.Address == c.PositionManager
	switch {
	case money && topic == topicTransfer:
		if len(l.Topics) != 3 {
			return nil, false
		}
		amount, err := ReadUint(l.Data)
		return []move{{Flow{Token: l.Address}, party(l.Topics[1]), party(l.Topics[2]), amount}}, err == nil
	case positions && (topic == topicTransferSingle || topic == topicTransferBatch):
		if len(l.Topics) != 4 {
			return nil, false
		}
		ids, amounts, ok := readPositions(topic, l.Data)
		moves := make([]move, 0, len(ids))
		for i, id := range ids {
			moves = append(moves, move{Flow{Token: l.Address, ID: id.Bytes32()}, party(l.Topics[2]), party(l.Topics[3]), amounts[i]})
		}
		return moves, ok
	}
	return nil, true
}

// Payouts are what positions of each condition were redeemed for in a transaction, in units of the collateral, by the events of the
// contract of positions. An adapter redeems for its callers, so the events do not say whose the positions were: with another wallet's
// redemptions in the same transaction the sum is more than this wallet's. Events that are not spelled right are left out.
func (c Contracts) Payouts(logs []Log) map[Hash]uint256.Int {
	out := map[Hash]uint256.Int{}
	for _, l := range logs {
		if l.Address != c.ConditionalTokens || l.Address == (Address{}) || len(l.Topics) != 4 || string(l.Topics[0][:]) != topicPayoutRedemption {
			continue
		}
		in := readArgs(l.Data, 3) // condition, index sets, payout
		condition, _, payout := in.hash(), in.uints(), in.uint()
		if !in.done() {
			continue
		}
		sum := out[condition]
		out[condition] = *sum.Add(&sum, &payout)
	}
	return out
}

func party(topic Hash) Address { return Address(topic[word-len(Address{}):]) }

func readPositions(topic string, data []byte) (ids, amounts []uint256.Int, ok bool) {
	in := readArgs(data, 2)
	if topic == topicTransferSingle {
		ids, amounts = []uint256.Int{in.uint()}, []uint256.Int{in.uint()}
	} else {
		ids, amounts = in.uints(), in.uints()
	}
	if !in.done() || len(ids) != len(amounts) {
		return nil, nil, false
	}
	return ids, amounts, true
}

// SafeTopics are the first topics of the events that a Safe writes, one for each nonce that it uses: success and failure.
func SafeTopics() []Hash {
	return []Hash{Hash([]byte(topicExecutionSuccess)), Hash([]byte(topicExecutionFailure))}
}

// HubTopic is the first topic of the event that the relay hub writes for each nonce that it uses; the owner is the third.
func HubTopic() Hash { return Hash([]byte(topicRelayed)) }
