package rehearse

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rpc"

	"sluice/pkg/evm"
)

// runtimeCode is what contract/compile.mjs writes.
//
//go:embed contract/rehearsal.hex
var runtimeCode string

// Code is the runtime code that stands at the wallet.
func Code() []byte { return common.FromHex(strings.TrimSpace(runtimeCode)) }

// maxBeside bounds the questions in one request; public endpoints take about as many.
const maxBeside = 40

// Call is one call of a contract, without value.
type Call struct {
	To   common.Address
	Data []byte
}

// Result is how a rehearsal went. All of it is of one block.
type Result struct {
	Block   uint64
	Failed  int      // the number of the first call that fails, else -1
	Cause   string   // what the contract says to that
	Revert  []byte   // the same as it was said
	Gas     uint64   // what the calls take, without what a transaction costs before its first instruction
	Answers [][]byte // of the questions beside, in order
}

// Run performs calls from the wallet at the newest block of an endpoint, and asks questions there. Without calls it only asks.
// Errors: those of evm.Pool.Read; a question that the chain refuses is *evm.Error of the kind Reverted.
func Run(ctx context.Context, pool *evm.Pool, wallet common.Address, calls []Call, beside ...Call) (Result, error) {
	if len(beside) > maxBeside {
		return Result{}, fmt.Errorf("rehearse: %d questions at once, at most %d", len(beside), maxBeside)
	}
	var r Result
	err := pool.Read(ctx, func(ctx context.Context, n *evm.Node) (err error) {
		r, err = at(ctx, n, wallet, calls, beside)
		return err
	})
	return r, err
}

func at(ctx context.Context, n *evm.Node, wallet common.Address, calls []Call, beside []Call) (Result, error) {
	var head *evm.Header
	if err := n.Client.Client().CallContext(ctx, &head, "eth_getBlockByNumber", "latest", false); err != nil {
		return Result{}, err
	}
	if head == nil {
		return Result{}, odd(n, "it has no latest block")
	}
	r := Result{Block: uint64(head.Number), Failed: -1}
	answers := make([]hexutil.Bytes, len(beside))
	var said hexutil.Bytes
	var questions []rpc.BatchElem
	for i, q := range beside {
		questions = append(questions, rpc.BatchElem{Method: "eth_call", Args: []any{q.Object(), head.Number}, Result: &answers[i]})
	}
	if len(calls) > 0 {
		data, err := pack(calls)
		if err != nil {
			return Result{}, err
		}
		questions = append(questions, rpc.BatchElem{Method: "eth_call", Args: []any{Call{wallet, data}.Object(), head.Number, override(wallet)}, Result: &said})
	}
	if len(questions) == 0 {
		return r, nil
	}
	if err := n.Client.Client().BatchCallContext(ctx, questions); err != nil {
		return Result{}, err
	}
	for i, q := range questions {
		if q.Error != nil && i == len(beside) {
			return Result{}, refused(n, q.Error)
		}
		if q.Error != nil {
			return Result{}, q.Error
		}
	}
	for _, a := range answers {
		r.Answers = append(r.Answers, a)
	}
	if len(calls) == 0 {
		return r, nil
	}
	return r, r.read(n, said, len(calls))
}

// Object is the call as eth_call takes it.
func (c Call) Object() map[string]any {
	return map[string]any{"to": c.To, "data": hexutil.Bytes(c.Data)}
}

func override(wallet common.Address) map[common.Address]any {
	return map[common.Address]any{wallet: map[string]any{"code": hexutil.Bytes(Code())}}
}

// refused says what an endpoint means that does not answer a rehearsal. Its fault as a node stays that; what it says of the
// request itself is taken for a refusal of overrides, because the request is otherwise a plain call.
func refused(n *evm.Node, err error) error {
	switch evm.KindOf(err) {
	case evm.Fault, evm.Behind, evm.Ended, evm.Shape:
		return err
	}
	return odd(n, "it refuses a call with a state override: "+err.Error())
}

// errNoRehearsal reports an endpoint that cannot rehearse.
var errNoRehearsal = errors.New("no rehearsal at this endpoint")

// odd is an error for which the next endpoint is asked and nobody is blamed.
func odd(n *evm.Node, cause string) error {
	return &evm.Error{Kind: evm.Odd, Endpoint: n.Name, Cause: errNoRehearsal.Error() + ": " + cause}
}

// signature is the contract's function; its selector begins the calldata.
const signature = "rehearse((address,bytes)[])"

// mark begins every answer of the contract.
const mark = "sluice rehearsal 1"

// step is the contract's Step.
type step struct {
	Target common.Address
	Data   []byte
}

func pack(calls []Call) ([]byte, error) {
	steps := make([]step, len(calls))
	for i, c := range calls {
		steps[i] = step{c.To, c.Data}
	}
	list, err := abi.NewType("tuple[]", "", []abi.ArgumentMarshaling{{Name: "target", Type: "address"}, {Name: "data", Type: "bytes"}})
	if err != nil {
		return nil, fmt.Errorf("rehearse: %w", err)
	}
	data, err := abi.Arguments{{Type: list}}.Pack(steps)
	if err != nil {
		return nil, fmt.Errorf("rehearse: encode calls: %w", err)
	}
	return append(crypto.Keccak256([]byte(signature))[:4:4], data...), nil
}

// word is 32 bytes of an answer.
const word = 32

// read takes the contract's answer apart: mark, failed, gas, and the place, length and bytes of why.
func (r *Result) read(n *evm.Node, said []byte, calls int) error {
	if len(said) < 5*word || common.Hash(said[:word]) != crypto.Keccak256Hash([]byte(mark)) {
		return odd(n, "it leaves state overrides aside")
	}
	failed, gas, length := number(said[word:]), number(said[2*word:]), number(said[4*word:])
	if failed != math.MaxUint64 && failed >= uint64(calls) || length > uint64(len(said)-5*word) {
		return odd(n, "its answer is not the rehearsal's")
	}
	r.Gas = gas
	if failed != math.MaxUint64 {
		r.Failed, r.Revert = int(failed), said[5*word:5*word+length]
		r.Cause = Reason(r.Revert)
	}
	return nil
}

// number is a word as a number; what does not fit is the largest there is.
func number(b []byte) uint64 {
	n := uint64(0)
	for i, x := range b[:word] {
		if i < word-8 && x != 0 {
			return math.MaxUint64
		}
		n = n<<8 | uint64(x)
	}
	return n
}

// maxQuoted bounds how much of a contract's words is repeated.
const maxQuoted = 300

// Reason is what a contract says on refusing, for a person: its text, the meaning of a panic, or the selector of an error of its
// own.
func Reason(revert []byte) string {
	text, err := abi.UnpackRevert(revert)
	switch {
	case err == nil && len(text) > maxQuoted:
		return strings.ToValidUTF8(text[:maxQuoted], "") + "…"
	case err == nil && text != "":
		return strings.ToValidUTF8(text, "?")
	case len(revert) >= 4:
		return fmt.Sprintf("the contract's own error 0x%x", revert[:4])
	}
	return "the contract gives no reason"
}
