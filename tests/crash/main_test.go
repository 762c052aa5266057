package crash

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sluice/pkg/actor"
	"sluice/pkg/actor/natsd"
)

// asBroker makes the test binary be a broker, on the directory that it names.
const asBroker = "CRASH_TEST_BROKER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(asBroker); dir != "" {
		beBroker(dir)
	}
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, "POLYMARKET_") || name == "NATS_URL" {
			os.Unsetenv(name) // what the machine's owner has set is not part of any claim here
		}
	}
	built.dir, _ = os.MkdirTemp("", "sluice-crash")
	code := m.Run()
	os.RemoveAll(built.dir)
	os.Exit(code)
}

// brokerPassword is of the user that services connect as.
const brokerPassword = "crash-test"

// beBroker is a broker like the one of sluice up, until it is killed. It says its address on its first line.
func beBroker(dir string) {
	s, err := natsd.Start(context.Background(), natsd.Config{
		Dir: dir, Listen: os.Getenv(asBroker + "_LISTEN"), Stored: actor.Stored, ServicePassword: brokerPassword,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(s.ClientURL())
	select {}
}

// built is the program under test.
var built struct {
	dir  string
	once sync.Once
	err  error
}

// program builds sluice once and says where it is.
func program(t testing.TB) string {
	t.Helper()
	at := filepath.Join(built.dir, "sluice")
	built.once.Do(func() {
		out, err := exec.Command("go", "build", "-o", at, "sluice/cmd/sluice").CombinedOutput()
		if err != nil {
			built.err = fmt.Errorf("build sluice: %w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return at
}
