package chain

import (
	"bytes"
	"encoding/json"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/holiman/uint256"
)

// Overrides says what an endpoint does with the state overrides of a call.
type Overrides int

// The ways of nodes.
const (
	OverridesTaken   Overrides = iota // code and balance; anything else is refused
	OverridesRefused                  // as a parameter too many
	OverridesIgnored                  // the call runs on the state as it is
)

// SetOverrides says what the endpoint does with the state overrides of calls from now on.
func (e *Endpoint) SetOverrides(o Overrides) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.overrides = o
}

func (e *Endpoint) takesOverrides() Overrides {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.overrides
}

// replaced is what stands at an account for the time of a call.
type replaced struct {
	Code    *hexutil.Bytes `json:"code"`
	Balance *hexutil.Big   `json:"balance"`
}

// overridden reads the state overrides of a call, none when there are none.
func (v view) overridden(params []json.RawMessage, i int) (map[common.Address]replaced, error) {
	if i >= len(params) || string(params[i]) == "null" || v.overrides == OverridesIgnored {
		return nil, nil
	}
	if v.overrides == OverridesRefused {
		return nil, invalid("too many arguments, want at most %d", i)
	}
	out := map[common.Address]replaced{}
	d := json.NewDecoder(bytes.NewReader(params[i]))
	d.DisallowUnknownFields()
	if err := d.Decode(&out); err != nil {
		return nil, invalid("invalid argument %d (state overrides: code and balance are supported): %v", i, err)
	}
	return out, nil
}

// override puts what is replaced into a state that nobody keeps.
func override(st *state.StateDB, by map[common.Address]replaced) error {
	for a, r := range by {
		if r.Code != nil {
			st.SetCode(a, *r.Code, tracing.CodeChangeUnspecified)
		}
		if r.Balance != nil {
			n, over := uint256.FromBig(r.Balance.ToInt())
			if over {
				return invalid("balance of %s exceeds 256 bits", a)
			}
			st.SetBalance(a, n, tracing.BalanceChangeUnspecified)
		}
	}
	return nil
}
