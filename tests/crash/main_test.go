package crash

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

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
	flag.Parse()
	if p := flag.Lookup("test.parallel"); p.Value.String() == p.DefValue {
		_ = p.Value.Set(strconv.Itoa(atOnce)) // a number is always taken
	}
	built.dir, _ = os.MkdirTemp("", "sluice-crash")
	code := m.Run()
	os.RemoveAll(built.dir)
	os.Exit(code)
}

// atOnce is how many tests run at a time, whatever the number of processors: they wait for processes, leases and pauses.
const atOnce = 4

// brokerPassword is of the user that services connect as.
const brokerPassword = "crash-test"

// beBroker is a broker like the one of sluice up, until it is killed. It says its address on its first line. A lax one does
// not sync.
func beBroker(dir string) {
	listen := os.Getenv(asBroker + "_LISTEN")
	url, err := "", error(nil)
	if os.Getenv(asBroker+"_LAX") != "" {
		url, err = lax(dir, listen)
	} else {
		var s *natsd.Server
		if s, err = natsd.Start(context.Background(), natsd.Config{Dir: dir, Listen: listen, Stored: actor.Stored, ServicePassword: brokerPassword}); err == nil {
			url = s.ClientURL()
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(url)
	select {}
}

// lax is a broker as it comes: it acknowledges what is not on disk yet.
func lax(dir, listen string) (string, error) {
	at, err := net.ResolveTCPAddr("tcp", listen)
	if err != nil {
		return "", err
	}
	s, err := server.NewServer(&server.Options{
		Host: at.IP.String(), Port: cmp.Or(at.Port, server.RANDOM_PORT), NoSigs: true, JetStream: true, StoreDir: dir,
		JetStreamMaxMemory: 512 << 20, JetStreamMaxStore: 64 << 30,
	})
	if err != nil {
		return "", err
	}
	s.Start()
	if !s.ReadyForConnections(patience) {
		return "", errors.New("not ready")
	}
	return s.ClientURL(), nil
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
