package evm_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"

	"sluice/pkg/evm"
	"sluice/pkg/sandbox/chain"
)

const (
	first  = "http://n0/[secret]"
	second = "http://n1/[secret]"
)

func TestNextEndpointIsAskedWhenOneFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 3)
		p := w.pool(nil)
		for _, status := range []int{429, 500, 503, 403} {
			w.nodes[0].Refuse(status, -1)
			if who, n, err := head(t.Context(), p); err != nil || who != second || n != w.c.Head().Number.Uint64() {
				t.Errorf("status %d: %s answered %d, %v", status, who, n, err)
			}
			w.nodes[0].Refuse(0, 0)
			w.blocks(40) // whatever was held against it is forgotten
			if who, _, err := head(t.Context(), p); err != nil || who != first {
				t.Errorf("after status %d the first is not asked again, but %s: %v", status, who, err)
			}
		}
		w.nodes[0].CutAnswers(9)
		if who, _, err := head(t.Context(), p); err != nil || who != second {
			t.Errorf("cut answers: %s, %v", who, err)
		}
	})
}

func TestFiveFailuresOpenTheCircuitForHalfAMinute(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 2)
		p := w.pool(nil)
		w.nodes[0].Refuse(503, -1)
		for range 20 {
			if _, _, err := head(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
		if n := w.count("")["n0"]; n != 5 {
			t.Errorf("it was asked %d times, want 5", n)
		}
		if s := p.States(t.Context())[0]; s.Usable || !strings.Contains(s.Why, "503") {
			t.Errorf("its state is %+v", s)
		}
		w.blocks(16) // 32 s
		w.count("")
		if _, _, err := head(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if n := w.count("")["n0"]; n != 1 {
			t.Errorf("after half a minute it was tried %d times, want once", n)
		}
		w.nodes[0].Refuse(0, 0)
		w.blocks(16)
		if who, _, err := head(t.Context(), p); err != nil || who != first {
			t.Errorf("it works again and %s was asked: %v", who, err)
		}
	})
}

func TestDeterministicErrorsNeverCountAgainstAnEndpoint(t *testing.T) {
	for _, text := range []string{
		"execution reverted: no", "nonce too low: next nonce 5, tx nonce 1", "insufficient funds for gas * price + value", "replacement transaction underpriced",
		"transaction underpriced: tip needed 25 gwei", "already known", "intrinsic gas too low: gas 1, minimum needed 21000", "max fee per gas less than block base fee",
	} {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, 2)
			p := w.pool(nil)
			if _, _, err := head(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			w.answering("n0", -32000, text)
			w.count("")
			for range 20 {
				_, _, err := head(t.Context(), p)
				e, ok := errors.AsType[*evm.Error](err)
				if !ok || !e.Kind.Deterministic() || e.Endpoint != first || e.Fix() == "" {
					t.Fatalf("%s: error is %v", text, err)
				}
			}
			if n := w.count("eth_blockNumber"); n["n0"] != 20 || n["n1"] != 0 {
				t.Errorf("%s: asked %v, want the first alone, 20 times", text, n)
			}
			if s := p.States(t.Context())[0]; !s.Usable {
				t.Errorf("%s: the endpoint is held to be bad: %s", text, s.Why)
			}
		})
	}
}

func TestLaggingEndpointIsNotRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 3)
		p := w.pool(nil)
		for _, c := range []struct {
			lag  uint64
			want string
		}{{5, first}, {6, second}, {0, first}} {
			w.nodes[0].SetLag(c.lag)
			w.blocks(8)
			if who, _, err := head(t.Context(), p); err != nil || who != c.want {
				t.Errorf("with a lag of %d %s was read, want %s: %v", c.lag, who, c.want, err)
			}
		}
		w.nodes[0].Freeze(true)
		w.blocks(10)
		if s := p.States(t.Context())[0]; s.Usable || !strings.Contains(s.Why, "head is") {
			t.Errorf("frozen, and its state is %+v", s)
		}
	})
}

func TestEndpointThatMakesUpItsHeadDoesNotMakeOthersOld(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 3)
		p := w.pool(nil)
		w.mu.Lock()
		w.say["n0"] = func(body string) string {
			if !strings.HasPrefix(body, "[") {
				return ""
			}
			id := strings.Split(body, `"id":`)
			block := `{"number":"0xffffffff","hash":"` + common.Hash{1}.Hex() + `","timestamp":"0x1","baseFeePerGas":"0x1"}`
			one := func(s string) string {
				n, _, _ := strings.Cut(s, ",")
				return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, n, block)
			}
			return "[" + one(id[1]) + "," + one(id[2]) + "]"
		}
		w.mu.Unlock()
		if s := p.States(t.Context()); s[0].Head != 0xffffffff || !s[1].Usable || !s[2].Usable {
			t.Errorf("states are %+v", s)
		}
		if f := p.Finalized(t.Context()); f != w.c.Head().Number.Uint64()-3 {
			t.Errorf("finalized is %d, by one voice of three", f)
		}
	})
}

func TestFinalizedNeverGoesBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 2)
		p := w.pool(nil)
		before := p.Finalized(t.Context())
		for _, n := range w.nodes {
			n.SetLag(3)
		}
		time.Sleep(10 * time.Second)
		if now := p.Finalized(t.Context()); now != before || before == 0 {
			t.Errorf("finalized was %d and is %d", before, now)
		}
		if s := p.States(t.Context())[0]; s.Usable || !strings.Contains(s.Why, "went back") {
			t.Errorf("an endpoint whose finalized block went back is read: %+v", s)
		}
	})
}

func TestEndpointOfAnotherChainIsNeverUsed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 2)
		w.say["n0"] = func(body string) string {
			if strings.Contains(body, "eth_chainId") {
				return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":"0x1"}`, idOf(body))
			}
			return ""
		}
		p := w.pool(nil)
		for range 3 {
			if who, _, err := head(t.Context(), p); err != nil || who != second {
				t.Errorf("%s was read: %v", who, err)
			}
			w.blocks(20)
		}
		p.Broadcast(t.Context(), []byte{1})
		if n := w.count("eth_"); n["n0"] != 1 {
			t.Errorf("it was asked %d times, want once, for its chain", n["n0"])
		}
		if s := p.States(t.Context())[0]; s.Usable || !strings.Contains(s.Why, "chain 1, not 137") {
			t.Errorf("its state is %+v", s)
		}
	})
}

func TestReadStaysWithOneEndpoint(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 2)
		p := w.pool(nil)
		if _, _, err := head(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		tries := 0
		var names []string
		err := p.Read(t.Context(), func(ctx context.Context, n *evm.Node) error {
			if tries++; tries == 1 {
				w.nodes[0].CutAnswers(0)
				if _, err := n.Client.BlockNumber(ctx); err != nil {
					return err
				}
				w.nodes[0].Refuse(500, 1) // in the middle
			}
			names = append(names, n.Name)
			if _, err := n.Client.BlockNumber(ctx); err != nil {
				return err
			}
			_, err := n.Client.HeaderByNumber(ctx, nil)
			return err
		})
		if err != nil || tries != 2 || names[1] != second {
			t.Errorf("after a failure in the middle: %d tries at %v, %v; want all of it again at the second", tries, names, err)
		}
	})
}

func TestFasterOfEqualsIsPreferred(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 3)
		p := w.pool(func(c *evm.PoolConfig) {
			for i := range c.Endpoints {
				c.Endpoints[i].Priority = 0
			}
		})
		w.slow["n0"], w.slow["n1"], w.slow["n2"] = 300*time.Millisecond, 20*time.Millisecond, 200*time.Millisecond
		if _, _, err := head(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if who, _, err := head(t.Context(), p); err != nil || who != second {
			t.Errorf("%s was read, want the fastest: %v", who, err)
		}
		w.slow["n1"] = time.Hour
		if who, _, err := head(t.Context(), p); err != nil || who == second {
			t.Errorf("%s answered after an hour: %v", who, err)
		}
	})
}

func TestNobodyAnswers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 2)
		p := w.pool(nil)
		w.nodes[0].Refuse(429, -1)
		w.nodes[1].Refuse(502, -1)
		_, _, err := head(t.Context(), p)
		e, ok := errors.AsType[*evm.UnavailableError](err)
		if !ok || len(e.Causes) != 2 || !strings.Contains(err.Error(), "429") || !strings.Contains(err.Error(), "502") || e.Fix() == "" {
			t.Errorf("error is %v", err)
		}
		ctx, end := context.WithCancel(t.Context())
		end()
		if _, _, err := head(ctx, p); !errors.Is(err, context.Canceled) {
			t.Errorf("the caller gave up and hears %v", err)
		}
	})
}

func TestCallerWhoGivesUpBlamesNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1)
		p := w.pool(nil)
		if _, _, err := head(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		w.slow["n0"] = time.Second
		for range 20 {
			ctx, end := context.WithTimeout(t.Context(), time.Millisecond)
			_, _, _ = head(ctx, p)
			end()
		}
		w.slow["n0"] = 0
		if _, _, err := head(t.Context(), p); err != nil {
			t.Errorf("the endpoint is blamed for its callers: %v", err)
		}
	})
}

func TestThereIsNoDefaultEndpoint(t *testing.T) {
	t.Run("S0-38 configured, or none", thereIsNoDefaultEndpoint)
}

func thereIsNoDefaultEndpoint(t *testing.T) {
	_, err := evm.NewPool(evm.PoolConfig{})
	if e, ok := errors.AsType[*evm.UnavailableError](err); !ok || !strings.Contains(e.Fix(), "POLYGON_RPC_URL") {
		t.Errorf("error is %v", err)
	}
	same := evm.Endpoint{URL: "http://n0/"}
	if _, err := evm.NewPool(evm.PoolConfig{Endpoints: []evm.Endpoint{same, same}}); err == nil {
		t.Error("one endpoint twice is taken for two")
	}
}

func TestURLOfAnEndpointIsNeverShown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.nodes[0].Refuse(500, -1)
		p := w.pool(nil)
		_, _, err := head(t.Context(), p)
		u := evm.URL("https://ann:hush@node.example/v2/hush?key=hush#hush")
		said := fmt.Sprintf("%v %+v %#v %s %q %x %v", err, p.States(t.Context()), u, u, u, u, evm.PoolConfig{Endpoints: []evm.Endpoint{{URL: u}}})
		b, _ := u.MarshalText()
		w.nodes[0].Refuse(0, 0)
		w.say["n0"] = func(string) string { panic("cut") }
		_, _, err = head(t.Context(), w.pool(nil))
		_, bad := evm.NewPool(evm.PoolConfig{Endpoints: []evm.Endpoint{{URL: "wss://node.example/hush"}}})
		if said += string(b) + u.LogValue().String() + err.Error() + bad.Error(); strings.Contains(said, "hush") || !strings.Contains(said, "https://node.example/[secret]") {
			t.Errorf("it is shown: %s", said)
		}
	})
}

func TestRevertIsToldWithItsReason(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1)
		p := w.pool(nil)
		to := chain.Polygon().USDCe
		data := common.FromHex("0xa9059cbb" + strings.Repeat("0", 62) + "01" + strings.Repeat("0", 63) + "1") // one token to account 1
		err := p.Read(t.Context(), func(ctx context.Context, n *evm.Node) error {
			_, err := n.Client.CallContract(ctx, ethereum.CallMsg{To: &to, Data: data}, nil)
			return err
		})
		e, ok := errors.AsType[*evm.Error](err)
		if !ok || e.Kind != evm.Reverted || len(e.Data) < 4 || len(e.Cause) <= len("execution reverted") {
			t.Errorf("error is %#v", err)
		}
	})
}
