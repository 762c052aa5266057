package chain

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ethereum/go-ethereum/crypto"

	"sluice/pkg/evm"
	"sluice/pkg/evm/rehearse"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox/chain"
)

const rehearsal = "../../pkg/evm/rehearse/contract"

// What is committed as the rehearsal's code is what its script compiles, with the compiler of the other contracts.
func TestRehearsalIsWhatTheScriptCompiles(t *testing.T) {
	modules := install(t, contracts)
	root := t.TempDir()
	at, compiler := filepath.Join(root, "pkg/evm/rehearse/contract"), filepath.Join(root, "pkg/sandbox/chain/contracts")
	for _, dir := range []string{at, filepath.Dir(compiler)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(modules, compiler); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"compile.mjs", "Rehearsal.sol"} {
		b, err := os.ReadFile(filepath.Join(rehearsal, f))
		if err == nil {
			err = os.WriteFile(filepath.Join(at, f), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "node", "compile.mjs", "-")
	cmd.Dir = at
	var said bytes.Buffer
	cmd.Stderr = &said
	got, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &said)
	}
	want, err := os.ReadFile(filepath.Join(rehearsal, "rehearsal.hex"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("rehearsal.hex is not what compile.mjs makes of Rehearsal.sol: run `npm ci` in pkg/sandbox/chain/contracts and `node compile.mjs` in pkg/evm/rehearse/contract")
	}
}

// A rehearsal says the same on anvil as on our machine: the real Safe's calls go well in order, and the one that fails is named.
func TestRehearsalSaysTheSameOnAnvil(t *testing.T) {
	dir := install(t, ".")
	program, code := anvilProgram(t, dir), realCode(t, dir)
	c, err := polymarket.ContractsOn(polymarket.Polygon)
	if err != nil {
		t.Fatal(err)
	}
	wallet := chain.WalletOf(crypto.PubkeyToAddress(ownerKey().PublicKey), chain.Safe)
	type outcome struct {
		failed int
		cause  string
	}
	said := map[string][]outcome{}
	for _, m := range []target{inProcess(t, "ours", code), onAnvil(t, "anvil", program, code)} {
		pool := poolOf(t, m)
		split := c.Split(false, m.conditions[0].ID, polymarket.Units(5_000_000))
		for _, calls := range [][]polymarket.Call{
			append(grants(c), split, c.Merge(false, m.conditions[0].ID, polymarket.Units(5_000_000))),
			{split}, // nothing is approved yet
			append(grants(c), split, c.Merge(false, m.conditions[0].ID, polymarket.Units(6_000_000))),
		} {
			var list []rehearse.Call
			for _, k := range calls {
				list = append(list, rehearse.Call{To: k.To, Data: k.Data})
			}
			r, err := rehearse.Run(t.Context(), pool, wallet, list)
			if err != nil {
				t.Fatalf("%s: %v", m.name, err)
			}
			if r.Failed >= 0 {
				r.Failed = len(calls) - r.Failed // from the end
			}
			said[m.name] = append(said[m.name], outcome{r.Failed, r.Cause})
		}
	}
	ours, other := said["ours"], said["anvil"]
	if ours[0].failed != -1 || ours[1].failed != 1 || ours[2].failed != 1 {
		t.Errorf("ours says %+v", ours)
	}
	for i := range ours {
		if ours[i] != other[i] {
			t.Errorf("rehearsal %d: ours says %+v, anvil %+v", i, ours[i], other[i])
		}
	}
}

func grants(c polymarket.Contracts) (out []polymarket.Call) {
	for _, a := range c.Approvals() {
		out = append(out, a.Grant())
	}
	return out
}

func poolOf(t *testing.T, m target) *evm.Pool {
	t.Helper()
	pool, err := evm.NewPool(evm.PoolConfig{Endpoints: []evm.Endpoint{{Name: m.name, URL: evm.URL(m.url)}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}
