package evm_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/rpc"

	"sluice/pkg/evm"
)

// said is a JSON-RPC error.
type said struct {
	code int
	text string
}

func (s said) Error() string  { return s.text }
func (s said) ErrorCode() int { return s.code }

// The texts are those that nodes and providers are known to answer.
func TestErrorsAreUnderstood(t *testing.T) {
	for _, c := range []struct {
		err  error
		want evm.Kind
	}{
		{nil, evm.None},
		{said{-32000, "already known"}, evm.Known},
		{said{-32003, "transaction already imported"}, evm.Known},
		{said{3, "execution reverted: GS026"}, evm.Reverted},
		{said{-32000, "execution reverted"}, evm.Reverted},
		{said{-32000, "nonce too low: next nonce 1, tx nonce 0"}, evm.NonceUsed},
		{said{-32003, "nonce too low"}, evm.NonceUsed},
		{said{-32000, "nonce too high"}, evm.NonceAhead},
		{said{-32000, "insufficient funds for gas * price + value: balance 1, tx cost 2, overshot 1"}, evm.Funds},
		{said{-32003, "Insufficient funds for gas * price + value"}, evm.Funds},
		{said{-32000, "replacement transaction underpriced"}, evm.Underpriced},
		{said{-32000, "transaction underpriced: gas tip cap 1, minimum needed 25000000000"}, evm.TooCheap},
		{said{-32003, "max fee per gas less than block base fee"}, evm.TooCheap},
		{said{-32000, "intrinsic gas too low: gas 20000, minimum needed 21000"}, evm.BadGas},
		{said{-32000, "exceeds block gas limit"}, evm.BadGas},
		{said{-32000, "invalid sender: invalid chain id for signer: have 1 want 137"}, evm.Invalid},
		{said{-32602, "missing value for required argument 0"}, evm.Invalid},
		{said{-32602, "eth_getLogs block range exceeds limit of 10000"}, evm.Shape},
		{said{-32005, "query returned more than 10000 results"}, evm.Shape},
		{said{-32000, "block range too large, range: 99991, max: 3500"}, evm.Shape},
		{said{-32000, "header not found"}, evm.Behind},
		{said{-32000, "unknown block"}, evm.Behind},
		{said{-32000, "missing trie node 00 (path )"}, evm.Behind},
		{said{-32005, "daily limit"}, evm.Fault},
		{said{-32603, "internal error"}, evm.Fault},
		{said{-32601, "the method eth_feeHistory does not exist/is not available"}, evm.Fault},
		{said{-32000, "txpool is full"}, evm.Fault},
		{said{-32000, "a text that nobody has seen before"}, evm.Odd},
		{rpc.HTTPError{StatusCode: 429}, evm.Fault},
		{rpc.HTTPError{StatusCode: 503}, evm.Fault},
		{rpc.HTTPError{StatusCode: 401}, evm.Fault},
		{rpc.HTTPError{StatusCode: 413}, evm.Shape},
		{rpc.HTTPError{StatusCode: 400, Body: []byte(`{"error":{"message":"nonce too low"}}`)}, evm.NonceUsed},
		{fmt.Errorf("send: %w", io.ErrUnexpectedEOF), evm.Fault},
		{context.DeadlineExceeded, evm.Fault},
		{context.Canceled, evm.Ended},
		{ethereum.NotFound, evm.Absent},
	} {
		if got := evm.KindOf(c.err); got != c.want {
			t.Errorf("%v is %s, want %s", c.err, got, c.want)
		}
	}
}

func TestKindsHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for k := evm.None; k <= evm.Ended; k++ {
		if seen[k.String()] {
			t.Errorf("two kinds are called %s", k)
		}
		seen[k.String()] = true
	}
	if evm.Ended.String() != "ended" || evm.Kind(99).String() != "odd" {
		t.Errorf("the last kind is called %s", evm.Ended)
	}
}

func FuzzKindOf(f *testing.F) {
	f.Add(-32000, "already known")
	f.Add(3, "")
	f.Fuzz(func(t *testing.T, code int, text string) {
		k := evm.KindOf(said{code, text})
		if again := evm.KindOf(fmt.Errorf("wrapped: %w", said{code, text})); k != again || k == evm.None || k == evm.Ended {
			t.Errorf("%d %q is %s, and wrapped %s", code, text, k, again)
		}
		if errors.Is(&evm.Error{Kind: k}, context.Canceled) {
			t.Error("nobody gave up")
		}
	})
}
