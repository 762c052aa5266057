package chain

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/ethereum/go-ethereum/common/hexutil"
)

// miss skips, or fails where everything must run.
func miss(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("SLUICE_REQUIRE_ALL") == "1" {
		t.Fatalf(format+", and SLUICE_REQUIRE_ALL=1", args...)
	}
	t.Skipf(format, args...)
}

// install installs what the lock file in from pins into a folder of its own, with further files beside it.
func install(t *testing.T, from string, files ...string) string {
	t.Helper()
	for _, p := range []string{"node", "npm"} {
		if _, err := exec.LookPath(p); err != nil {
			miss(t, "%s is not installed", p)
		}
	}
	dir := t.TempDir()
	for _, f := range append(files, "package.json", "package-lock.json") {
		b, err := os.ReadFile(filepath.Join(from, f))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, f), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if modules, err := filepath.Abs(filepath.Join(from, "node_modules")); err == nil {
		if _, err := os.Stat(modules); err == nil { // installed here already, from the same lock file
			if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
				t.Fatal(err)
			}
			return dir
		}
	}
	cmd := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		miss(t, "npm ci: %v\n%s", err, out)
	}
	return dir
}

// realCode is the creation code of the real contracts, under the names of ours.
func realCode(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	const safe = "node_modules/@gnosis.pm/safe-contracts/build/artifacts/contracts/"
	code := map[string][]byte{}
	for name, file := range map[string]string{
		"Safe":              safe + "GnosisSafe.sol/GnosisSafe.json",
		"Proxy":             safe + "proxies/GnosisSafeProxy.sol/GnosisSafeProxy.json",
		"MultiSend":         safe + "libraries/MultiSend.sol/MultiSend.json",
		"FallbackHandler":   safe + "handler/CompatibilityFallbackHandler.sol/CompatibilityFallbackHandler.json",
		"ConditionalTokens": "node_modules/@gnosis.pm/conditional-tokens-contracts/build/contracts/ConditionalTokens.json",
	} {
		b, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		var a struct {
			Bytecode hexutil.Bytes `json:"bytecode"`
		}
		if err := json.Unmarshal(b, &a); err != nil || len(a.Bytecode) < 100 {
			t.Fatalf("%s: %v, %d bytes", file, err, len(a.Bytecode))
		}
		code[name] = a.Bytecode
	}
	return code
}

// anvilProgram is the other machine's, where there is one for this system.
func anvilProgram(t *testing.T, dir string) string {
	t.Helper()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		miss(t, "anvil is pinned for linux on amd64 only")
	}
	return filepath.Join(dir, "node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil")
}
