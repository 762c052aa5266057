package deploy

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// composeFile is the part of compose.yaml that the tests look at.
type composeFile struct {
	Services map[string]composeService `yaml:"services"`
}

type composeService struct {
	Image    string   `yaml:"image"`
	User     string   `yaml:"user"`
	Ports    []string `yaml:"ports"`
	ReadOnly bool     `yaml:"read_only"`
	CapDrop  []string `yaml:"cap_drop"`
	CapAdd   []string `yaml:"cap_add"`
	Restart  string   `yaml:"restart"`
	Logging  struct {
		Options map[string]string `yaml:"options"`
	} `yaml:"logging"`
	Healthcheck struct {
		Test []string `yaml:"test"`
	} `yaml:"healthcheck"`
	Deploy struct {
		Resources struct {
			Limits struct {
				Memory string `yaml:"memory"`
				CPUs   string `yaml:"cpus"`
				PIDs   int    `yaml:"pids"`
			} `yaml:"limits"`
		} `yaml:"resources"`
	} `yaml:"deploy"`
}

// oneShot is the service that gives the volume to the server's user and ends.
const oneShot = "nats-volume"

func readCompose(t *testing.T) composeFile {
	t.Helper()
	text, err := os.ReadFile("../compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var f composeFile
	// A key beside a merged block that has it too overrides it; this decoder calls that a duplicate.
	if err := yaml.UnmarshalWithOptions(text, &f, yaml.AllowDuplicateMapKey()); err != nil {
		t.Fatalf("read compose.yaml: %v", err)
	}
	if len(f.Services) == 0 {
		t.Fatal("compose.yaml has no services")
	}
	return f
}

func TestContainersAreReachableFromThisMachineOnly(t *testing.T) {
	for name, s := range readCompose(t).Services {
		for _, port := range s.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s publishes %s to the network", name, port)
			}
		}
	}
}

func TestContainersHoldNoPowersTheyDoNotNeed(t *testing.T) {
	for name, s := range readCompose(t).Services {
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) {
			t.Errorf("%s: read_only is %v, cap_drop is %v", name, s.ReadOnly, s.CapDrop)
		}
		if name == oneShot {
			continue
		}
		if s.User != "65532:65532" || len(s.CapAdd) > 0 {
			t.Errorf("%s runs as %q with the capabilities %v", name, s.User, s.CapAdd)
		}
	}
}

func TestContainersAreBoundedAndWatched(t *testing.T) {
	for name, s := range readCompose(t).Services {
		if name == oneShot {
			continue
		}
		if l := s.Deploy.Resources.Limits; l.Memory == "" || l.CPUs == "" || l.PIDs == 0 {
			t.Errorf("%s has no bound of memory, processors or processes: %+v", name, l)
		}
		if s.Logging.Options["max-size"] == "" {
			t.Errorf("%s may fill the disk with its log", name)
		}
		if len(s.Healthcheck.Test) == 0 || s.Restart != "unless-stopped" {
			t.Errorf("%s: health check %v, restart %q", name, s.Healthcheck.Test, s.Restart)
		}
	}
}

// The files of a store are not to be opened by an older server than the one that wrote them.
func TestContainerAndEmbeddedServerAreOfOneVersion(t *testing.T) {
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`nats-io/nats-server/v2 v(\d+\.\d+)\.`).FindSubmatch(mod)
	if version == nil {
		t.Fatal("go.mod names no nats-server")
	}
	if got, want := readCompose(t).Services["nats"].Image, "nats:"+string(version[1])+"-alpine"; got != want {
		t.Errorf("compose.yaml runs %s, go.mod embeds %s", got, want)
	}
}
