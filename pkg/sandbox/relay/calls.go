package relay

import (
	"bytes"
	"encoding/binary"
	"math/big"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
)

// allow refuses calls to anything but the venue's contracts.
func (r *Reader) allow(j *Job) error {
	for _, c := range j.Calls {
		switch {
		case c.Target == j.Wallet:
			return refusef("call blocked: a wallet may not call itself (%s)", c.Target.Hex())
		case !r.known[c.Target]:
			return refusef("call blocked: %s is not an allowed target", c.Target.Hex())
		case c.Value.Sign() != 0:
			return refusef("call blocked: value to %s", c.Target.Hex())
		}
	}
	return nil
}

// unpackMultiSend reads the calls of a batch: operation, target, value, length, data, end to end.
func (r *Reader) unpackMultiSend(to common.Address, data []byte) ([]Call, error) {
	if to != r.at.MultiSend {
		return nil, refusef("call blocked: delegate call to %s", to.Hex())
	}
	method := r.multiSend.Methods["multiSend"]
	if !bytes.HasPrefix(data, method.ID) {
		return nil, refusef("call blocked: not a multiSend")
	}
	args, err := method.Inputs.Unpack(data[len(method.ID):])
	if err != nil {
		return nil, refusef("invalid data: %v", err)
	}
	rest, _ := args[0].([]byte)
	var out []Call
	const head = 1 + 20 + 32 + 32
	for len(rest) > 0 {
		if len(rest) < head || len(out) >= maxCalls {
			return nil, refusef("invalid data: a batch of %d bytes left after %d calls", len(rest), len(out))
		}
		if rest[0] != 0 {
			return nil, refusef("call blocked: operation %d in a batch", rest[0])
		}
		size := rest[head-32 : head]
		n := binary.BigEndian.Uint64(size[24:])
		if !bytes.Equal(size[:24], make([]byte, 24)) || n > uint64(len(rest)-head) {
			return nil, refusef("invalid data: a call that is longer than its batch")
		}
		out = append(out, Call{common.BytesToAddress(rest[1:21]), new(big.Int).SetBytes(rest[21:53]), bytes.Clone(rest[head : head+n])})
		rest = rest[head+n:]
	}
	if len(out) == 0 {
		return nil, refusef("invalid data: an empty batch")
	}
	return out, nil
}

// proxyCall is one call as the proxy factory takes it.
type proxyCall struct {
	TypeCode uint8
	To       common.Address
	Value    *big.Int
	Data     []byte
}

// unpackProxy reads the calls that a proxy factory is asked for.
func (r *Reader) unpackProxy(data []byte) ([]Call, error) {
	method := r.proxy.Methods["proxy"]
	if !bytes.HasPrefix(data, method.ID) {
		return nil, refusef("call blocked: not a call of proxy")
	}
	args, err := method.Inputs.Unpack(data[len(method.ID):])
	if err != nil {
		return nil, refusef("invalid data: %v", err)
	}
	calls := *abi.ConvertType(args[0], new([]proxyCall)).(*[]proxyCall)
	if len(calls) == 0 || len(calls) > maxCalls {
		return nil, refusef("calls: want 1 to %d", maxCalls)
	}
	out := make([]Call, len(calls))
	for i, c := range calls {
		if c.TypeCode != 1 {
			return nil, refusef("call blocked: call type %d", c.TypeCode)
		}
		out[i] = Call{c.To, c.Value, c.Data}
	}
	return out, nil
}
