package evm

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/rpc"
)

// Error is what an endpoint answered, or that it did not.
type Error struct {
	Kind     Kind
	Endpoint string // its name
	Cause    string // what happened, without the endpoint's URL
	Data     []byte // what a contract said on refusing
	err      error
}

// Error says what happened, where, and what to do.
func (e *Error) Error() string {
	return fmt.Sprintf("endpoint %s: %s: %s; %s", e.Endpoint, e.Kind, e.Cause, e.Fix())
}

// Unwrap gives the client's error.
func (e *Error) Unwrap() error { return e.err }

// Fix says what to do.
func (e *Error) Fix() string {
	switch e.Kind {
	case Known:
		return "nothing: it is there"
	case Reverted:
		return "read the reason: the same call will be refused again until what it complains about has changed"
	case NonceUsed:
		return "look for the receipt of every transaction signed with this nonce"
	case NonceAhead:
		return "send what comes before it"
	case Funds:
		return "send POL to the account that pays for gas"
	case Underpriced, TooCheap:
		return "sign again with a higher price"
	case BadGas:
		return "use the estimate plus a fifth as gas limit"
	case Invalid:
		return "this is a defect of the request: report it"
	case Absent, Behind:
		return "ask again in a few seconds, or another endpoint"
	case Shape:
		return "ask for less at once"
	case Ended:
		return "the caller gave up"
	}
	return "configure another RPC endpoint, or wait until this one works again"
}

// clipAt bounds how much of an endpoint's words is repeated.
const clipAt = 300

func clip(s string) string {
	if len(s) > clipAt {
		return s[:clipAt] + "…"
	}
	return s
}

// explain makes an *Error of what a call returned. It must see every error before anybody else does: those of net/http
// quote the URL.
func explain(endpoint string, u URL, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	e := &Error{Kind: KindOf(err), Endpoint: endpoint, err: err}
	if w, ok := errors.AsType[*url.Error](err); ok {
		e.err = w.Err
	}
	e.Cause = clip(strings.ReplaceAll(e.err.Error(), u.Reveal(), u.String()))
	if d, ok := errors.AsType[rpc.DataError](err); ok {
		if hex, ok := d.ErrorData().(string); ok {
			e.Data = common.FromHex(hex)
			if reason, err := abi.UnpackRevert(e.Data); err == nil && !strings.Contains(e.Cause, reason) {
				e.Cause = clip(e.Cause + ": " + reason)
			}
		}
	}
	return e
}

// UnavailableError reports that no endpoint could be asked.
type UnavailableError struct {
	Causes []error // one for each endpoint
}

// Error says why each endpoint could not be asked.
func (e *UnavailableError) Error() string {
	if len(e.Causes) == 0 {
		return "no RPC endpoint is usable; " + e.Fix()
	}
	return fmt.Sprintf("no RPC endpoint answers: %v; %s", errors.Join(e.Causes...), e.Fix())
}

// Unwrap gives the causes.
func (e *UnavailableError) Unwrap() []error { return e.Causes }

// Fix says what to do.
func (e *UnavailableError) Fix() string {
	return "configure RPC endpoints of your own (POLYGON_RPC_URL), two or better three of different providers"
}
