package conformance

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"sluice/pkg/sandbox"
)

// need skips without an external program, or fails where everything must run.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			if os.Getenv("SLUICE_REQUIRE_ALL") == "1" {
				t.Fatalf("%s is not installed, and SLUICE_REQUIRE_ALL=1", p)
			}
			t.Skipf("%s is not installed", p)
		}
	}
}

// install copies the JavaScript side to a folder of its own, so that the checkout stays clean, and installs what the lock
// file pins. The registry may be out of reach where only Go is wanted: then the test is skipped as well.
func install(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range append(files, "package.json", "package-lock.json") {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, f), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat("node_modules"); err == nil { // installed here already, from the same lock file
		from, err := filepath.Abs("node_modules")
		if err == nil {
			err = os.Symlink(from, filepath.Join(dir, "node_modules"))
		}
		if err != nil {
			t.Fatal(err)
		}
		return dir
	}
	cmd := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		if os.Getenv("SLUICE_REQUIRE_ALL") == "1" {
			t.Fatalf("npm ci: %v\n%s", err, out)
		}
		t.Skipf("npm ci: %v", err)
	}
	return dir
}

// serve runs a sandbox and returns its URL file.
func serve(t *testing.T, cfg sandbox.Config) string {
	t.Helper()
	cfg.MineAfter, cfg.ConfirmAfter = 20*time.Millisecond, 40*time.Millisecond
	box, err := sandbox.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "sandbox.json")
	if err := sandbox.WriteURLFile(file, sandbox.URLsFor(l.Addr().String())); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- box.Serve(ctx, l, "") }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return file
}

func TestOfficialClientWorksAgainstTheSandbox(t *testing.T) {
	runNode(t, "conformance.test.mjs", sandbox.Config{})
}

func TestAStrangerFindsTheTradeOnTheChain(t *testing.T) {
	runNode(t, "stranger.test.mjs", sandbox.Config{Chain: true})
}

func TestOfficialRelayerClientWorksAgainstTheSandbox(t *testing.T) {
	runNode(t, "relayer.test.mjs", sandbox.Config{Chain: true})
}

// runNode runs a file of Node tests against a sandbox.
func runNode(t *testing.T, file string, cfg sandbox.Config) {
	t.Helper()
	need(t, "node", "npm")
	dir := install(t, file)
	cmd := exec.CommandContext(t.Context(), "node", "--test", file)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "SLUICE_SANDBOX="+serve(t, cfg))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
