package fleet

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"sluice/pkg/actor/natsd"
)

// role makes the test binary be something else than a test.
const role = "FLEET_TEST_ROLE"

// brokerPassword is of the user that services connect as.
const brokerPassword = "fleet-test"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "broker":
		die(beBroker())
	case "replica":
		die(beReplica(context.Background()))
	}
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); name == "NATS_URL" {
			os.Unsetenv(name)
		}
	}
	os.Exit(m.Run())
}

func die(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// beBroker is a broker like the one of sluice up, until it is killed. It says its address on its first line.
func beBroker() error {
	s, err := natsd.Start(context.Background(), natsd.Config{Dir: os.Getenv("FLEET_DIR"), Listen: os.Getenv("FLEET_LISTEN"), ServicePassword: brokerPassword})
	if err != nil {
		return err
	}
	fmt.Println(s.ClientURL())
	select {}
}
