package evm

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/rpc"
)

// Codes of JSON-RPC errors that mean something by themselves.
const (
	codeReverted = 3
	codeNoMethod = -32601
	codeParams   = -32602
	codeInternal = -32603
	codeLimit    = -32005 // a quota, or too many results
)

// KindOf says what an error of a call means. Nodes agree on few codes, so it goes by the words of those that are in use.
func KindOf(err error) Kind {
	if err == nil {
		return None
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	switch {
	case errors.Is(err, context.Canceled):
		return Ended
	case errors.Is(err, ethereum.NotFound):
		return Absent
	}
	if h, ok := errors.AsType[rpc.HTTPError](err); ok {
		return kindOfStatus(h)
	}
	if r, ok := errors.AsType[rpc.Error](err); ok {
		return kindOfAnswer(r.ErrorCode(), r.Error())
	}
	return Fault // no answer, or none that is JSON-RPC
}

func kindOfStatus(h rpc.HTTPError) Kind {
	switch {
	case h.StatusCode == http.StatusRequestEntityTooLarge:
		return Shape
	case h.StatusCode == http.StatusBadRequest || h.StatusCode == http.StatusOK:
		if k := kindOfWords(string(h.Body)); k != Odd { // some put their JSON-RPC errors there
			return k
		}
	}
	return Fault
}

func kindOfAnswer(code int, text string) Kind {
	switch code {
	case codeReverted:
		return Reverted
	case codeNoMethod:
		return Fault
	}
	k := kindOfWords(text)
	switch {
	case k != Odd:
		return k
	case code == codeLimit, code == codeInternal:
		return Fault
	case code == codeParams:
		return Invalid
	}
	return Odd
}

// kindOfWords goes by the words of geth, bor, erigon, nethermind, anvil and the providers in front of them.
func kindOfWords(text string) Kind {
	text = strings.ToLower(text)
	for _, w := range words() {
		for _, phrase := range w.phrases {
			if strings.Contains(text, phrase) {
				return w.kind
			}
		}
	}
	return Odd
}

type wording struct {
	kind    Kind
	phrases []string
}

// words are looked for in this order: "replacement transaction underpriced" is found before "transaction underpriced",
// and a range that is too large before a limit that is reached.
func words() []wording {
	return []wording{
		{Known, []string{"already known", "already imported", "known transaction", "alreadyknown"}},
		{Reverted, []string{"execution reverted", "vm execution error", "transaction reverted"}},
		{NonceUsed, []string{"nonce too low", "nonce is too low", "oldnonce", "old nonce"}},
		{NonceAhead, []string{"nonce too high", "noncegap", "nonce gap"}},
		{Funds, []string{"insufficient funds", "insufficientfunds", "insufficient balance"}},
		{Underpriced, []string{"replacement transaction underpriced", "replacementnotallowed", "could not replace existing"}},
		{TooCheap, []string{"underpriced", "less than block base fee", "feetoolow", "fee too low", "gas price too low", "tip cap below", "priority fee too low"}},
		{BadGas, []string{"intrinsic gas too low", "exceeds block gas limit", "gas limit too high", "gaslimitexceeded", "out of gas", "gas required exceeds", "tx gas limit"}},
		{Shape, []string{"block range", "range is too", "range too large", "range exceeds", "limit of 10000", "more than 10000 results", "returned more than", "query exceeds max", "response size", "too many results", "batch too large", "batch size"}},
		{Behind, []string{"header not found", "unknown block", "block not found", "missing trie node", "state is not available", "state not available", "historical state", "pruned", "not yet available", "after last accepted block"}},
		{Fault, []string{"rate limit", "too many requests", "request limit", "capacity", "compute units", "try again", "timeout", "timed out", "unavailable", "overloaded", "syncing", "upstream", "txpool is full", "unauthorized", "api key", "method not found", "does not exist/is not available", "notifications not supported"}},
		{Invalid, []string{"invalid sender", "invalid chain id", "wrong chain", "type not supported", "oversized data", "max priority fee per gas higher than max fee", "rlp:", "invalid argument", "parse error", "exceeds the configured cap", "invalid opcode", "stack underflow"}},
	}
}
