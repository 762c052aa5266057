package chain

import (
	"bufio"
	"context"
	"encoding/json"
	"math/big"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"

	"sluice/pkg/sandbox/chain"
)

// target is a machine with a set of contracts.
type target struct {
	name, url  string
	client     *ethclient.Client
	mine       func()
	conditions []chain.Condition
}

// config is the same start for every machine: one wallet with nothing approved.
func config(code map[string][]byte) chain.Config {
	return chain.Config{
		Code: code, Markets: []chain.Market{{Question: common.Hash{1}}, {Question: common.Hash{2}}, {NegRisk: true}},
		Accounts: []chain.Account{
			{Owner: crypto.PubkeyToAddress(ownerKey().PublicKey), Kind: chain.Safe, PUSD: 1_000_000_000, USDCe: 1_000_000_000, Gas: 1000, Bare: true},
			{Owner: crypto.PubkeyToAddress(relayKey().PublicKey), Gas: 1000, Bare: true},
		},
	}
}

// inProcess serves a chain of ours and connects to it as a stranger would.
func inProcess(t *testing.T, name string, code map[string][]byte) target {
	t.Helper()
	c, err := chain.New(config(code))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	srv := httptest.NewServer(c.Endpoint())
	t.Cleanup(srv.Close)
	return target{name, srv.URL, dial(t, srv.URL), func() { c.Mine() }, c.Conditions()}
}

func dial(t *testing.T, url string) *ethclient.Client {
	t.Helper()
	client, err := ethclient.DialContext(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// onAnvil starts anvil with the state that a chain of ours starts with.
func onAnvil(t *testing.T, name, program string, code map[string][]byte) target {
	t.Helper()
	c, err := chain.New(config(code))
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	genesis, err := json.Marshal(map[string]any{"config": map[string]any{"chainId": chain.ID}, "alloc": c.Genesis(), "gasLimit": "0x2aea540", "difficulty": "0x0"})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "genesis.json")
	if err := os.WriteFile(file, genesis, 0o600); err != nil {
		t.Fatal(err)
	}
	url := "http://" + startAnvil(t, program, file)
	client := dial(t, url)
	return target{name, url, client, func() {
		if err := client.Client().CallContext(t.Context(), nil, "evm_mine"); err != nil {
			t.Fatal(err)
		}
	}, c.Conditions()}
}

// startAnvil returns the address that anvil chose to listen on.
func startAnvil(t *testing.T, program, genesis string) string {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "--port", "0", "--chain-id", "137", "--hardfork", "prague", "--no-mining", "--accounts", "0",
		"--base-fee", "30000000000", "--gas-limit", "45000000", "--init", genesis)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		stop()
		miss(t, "start anvil: %v", err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if address, ok := strings.CutPrefix(lines.Text(), "Listening on "); ok {
			drained := make(chan struct{})
			go func() {
				for lines.Scan() {
				}
				close(drained)
			}()
			t.Cleanup(func() {
				stop()
				<-drained
				_ = cmd.Wait() // killed: always an error
			})
			return address
		}
	}
	stop()
	t.Fatalf("anvil ended without listening: %v", cmd.Wait())
	return ""
}

// gwei is a billionth of POL in wei.
func gwei(n int64) *big.Int { return new(big.Int).Mul(big.NewInt(n), big.NewInt(1_000_000_000)) }
