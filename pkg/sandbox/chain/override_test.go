package chain_test

import (
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"sluice/pkg/sandbox/chain"
)

// A call with state overrides runs as if another code or balance stood at the account, and nothing of that stays. What else
// could be overridden is refused, and so is all of it by an endpoint that takes none.
func TestCallRunsOnOverriddenState(t *testing.T) {
	c, ann := start(t, chain.Config{})
	e := c.Endpoint()
	stranger := common.Address{7}
	// PUSH1 42 PUSH0 MSTORE PUSH1 32 PUSH0 RETURN; ADDRESS BALANCE ... for the second.
	const answer42, answerBalance = "0x602a5f5260205ff3", "0x30315f5260205ff3"
	word := func(last string) string { return `"0x` + strings.Repeat("0", 64-len(last)) + last + `"` }
	call := func(at common.Address, by any) (string, error) {
		out, err := ask(t, e, "eth_call", map[string]any{"to": at}, "latest", by)
		return string(out), err
	}
	for _, at := range []common.Address{stranger, ann.at, chain.Polygon().PUSD} {
		if got, err := call(at, map[common.Address]any{at: map[string]string{"code": answer42}}); err != nil || got != word("2a") {
			t.Errorf("%s with another code answers %s, %v", at, got, err)
		}
	}
	if got, err := call(stranger, map[common.Address]any{stranger: map[string]string{"code": answerBalance, "balance": "0x77"}}); err != nil || got != word("77") {
		t.Errorf("a balance of 0x77 is seen as %s, %v", got, err)
	}
	if got, err := call(stranger, map[string]any{}); err != nil || got != `"0x"` {
		t.Errorf("afterwards the account answers %s, %v", got, err)
	}
	if _, err := call(stranger, map[common.Address]any{stranger: map[string]any{"stateDiff": map[string]string{}}}); err == nil || !strings.Contains(err.Error(), "code and balance are supported") {
		t.Errorf("an override of storage: %v", err)
	}
	e.SetOverrides(chain.OverridesRefused)
	if _, err := call(stranger, map[common.Address]any{stranger: map[string]string{"code": answer42}}); err == nil || !strings.Contains(err.Error(), "too many arguments") {
		t.Errorf("an endpoint that takes none: %v", err)
	}
	e.SetOverrides(chain.OverridesIgnored)
	if got, err := call(stranger, map[common.Address]any{stranger: map[string]string{"code": answer42}}); err != nil || got != `"0x"` {
		t.Errorf("an endpoint that leaves them aside answers %s, %v", got, err)
	}
}
