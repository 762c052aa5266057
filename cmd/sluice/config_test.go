package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// settingsFile writes a settings file and returns its path.
func settingsFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sluice.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The address that a tool dials is the one of its error, so that one tool shows which setting has won.
func TestFlagBeatsEnvironmentBeatsFile(t *testing.T) {
	path := settingsFile(t, "nats: nats://127.0.0.1:3\n")
	dials := func(args ...string) string {
		f := call(t, append([]string{"markets", "-o", "json"}, args...)...).failure(t)
		_, rest, _ := strings.Cut(f.Error.Cause, "no NATS server at ")
		address, _, _ := strings.Cut(rest, ": ")
		return address
	}
	if at := dials("--config", path); at != "nats://127.0.0.1:3" {
		t.Errorf("with the file alone: %q", at)
	}
	t.Setenv("NATS_URL", "nats://127.0.0.1:2")
	if at := dials("--config", path); at != "nats://127.0.0.1:2" {
		t.Errorf("with the environment too: %q", at)
	}
	if at := dials("--config="+path, "--nats", "nats://127.0.0.1:1"); at != "nats://127.0.0.1:1" {
		t.Errorf("with a flag too: %q", at)
	}
	t.Setenv("NATS_URL", "")
	t.Setenv("SLUICE_CONFIG", path)
	if at := dials(); at != "nats://127.0.0.1:3" {
		t.Errorf("with a file that the environment names: %q", at)
	}
}

func TestSettingsFileOfTheWorkingDirectoryIsRead(t *testing.T) {
	t.Chdir(filepath.Dir(settingsFile(t, "output: json\nnats: nats://127.0.0.1:3\n")))
	if f := call(t, "markets").failure(t); !strings.Contains(f.Error.Cause, "127.0.0.1:3") {
		t.Errorf("%+v", f)
	}
}

func TestWrongSettingIsRefusedByName(t *testing.T) {
	for _, c := range []struct{ text, cause, fix string }{
		{"cap-oder: 5", `"cap-oder"`, "did you mean cap-order?"},
		{"nats_url: nats://127.0.0.1:1", `"nats_url"`, "the name of a flag"},
		{"live: true", "live", "env: live"},
		{"limit: many", "many", ""},
		{"a: [", "is not YAML", "line"},
		{"accounts: [{name: main, private_key: 0x1}]", "private_key", "private_key_file"},
		{"accounts: [{name: Main}]", `"Main"`, "a-z"},
		{"accounts: [{name: main}, {name: main}]", "twice", "name of its own"},
	} {
		r := call(t, "order", "list", "-o", "json", "--config", settingsFile(t, c.text))
		f := r.failure(t)
		if r.code != exitUsage || !strings.Contains(f.Error.Cause, c.cause) || !strings.Contains(f.Error.Fix, c.fix) {
			t.Errorf("%s: code %d, %+v", c.text, r.code, f)
		}
	}
	refused(t, call(t, "order", "list", "--config", filepath.Join(t.TempDir(), "none.yaml")), "none.yaml", "--config")
}

func TestSettingsOfEveryKindReachTheirFlags(t *testing.T) {
	for text, want := range map[string]string{
		"1000000.5": "1000000.5", "25": "25", "true": "true", "[a, b]": "a,b", `"0.10"`: "0.10", "15s": "15s", "null": "",
	} {
		f, err := readFile(settingsFile(t, "cap-order: "+text))
		if err != nil {
			t.Fatal(err)
		}
		if got := settingText(f.flags["cap-order"]); got != want {
			t.Errorf("%s reaches the flag as %q, want %q", text, got, want)
		}
	}
}

func TestUsageErrorsSayWhatToDo(t *testing.T) {
	for _, args := range [][]string{
		{"ordr"}, {"order", "submit"}, {"order", "submit", "--sied", "buy"}, {"order", "list", "--limit", "many"}, {"markets", "--env", "moon"},
		{"markets", "--live", "--env", "sandbox"}, {"judge"}, {"order", "cancel"},
	} {
		r := call(t, append(args, "-o", "json")...)
		if f := r.failure(t); r.code != exitUsage || f.Error.Code != "bad_usage" {
			t.Errorf("%v: code %d, %+v", args, r.code, f)
		}
		refused(t, call(t, args...), "sluice: ", "→ ")
	}
	for _, help := range [][]string{{"--help"}, {"order", "submit", "--help"}} {
		says(t, "help", ok(t, help...), "Usage: sluice")
	}
	says(t, "version", ok(t, "version"), "dev")
	says(t, "version", ok(t, "version", "-o", "json"), `{"version":"dev"}`)
}

// What is wrong with a command's form is said by name where it is typed, whether or not there is a bus.
func TestFormIsJudgedBeforeAnythingIsSent(t *testing.T) {
	order := func(flags ...string) []string {
		return append([]string{"order", "submit", "--side", "buy", "--token", "5", "--price", "0.5", "--size", "10"}, flags...)
	}
	for _, c := range []struct {
		args  []string
		words []string
	}{
		{order("--side", "up"), []string{"side", "BUY"}}, {order("--type", "GTK"), []string{"type", "GTC"}}, {order("--token", "12a"), []string{"token_id", "12a"}},
		{order("--id", "a b"), []string{"client_order_id", "a b"}}, {order("--price", "1.5"), []string{"price", "1.5"}}, {order("--size", "10.001"), []string{"size", "2 decimals"}},
		{[]string{"order", "cancel", "a b"}, []string{"a b"}}, {[]string{"order", "cancel", "0x12"}, []string{"0x12", "64"}},
		{[]string{"order", "cancel", "mine", "0x" + strings.Repeat("ab", 32)}, []string{"mixed", "of each kind"}},
		{[]string{"order", "cancel-all", "--side", "up"}, []string{"side", "BUY"}}, {[]string{"tx", "cancel", "a b"}, []string{"cancels", "a b"}},
	} {
		refused(t, call(t, append(c.args, "--nats", "nats://127.0.0.1:1")...), append(c.words, "→ ")...)
	}
}

// An order's id may be pasted with capitals, as other tools write it.
func TestOrderIDIsReadWithCapitals(t *testing.T) {
	want := "0x" + strings.Repeat("ab", 32)
	for text, isOrder := range map[string]bool{want: true, "0x" + strings.Repeat("AB", 32): true, strings.ToUpper(want): true, "Mine-1": false} {
		if id, is := orderID(text); is != isOrder || is && string(id) != want {
			t.Errorf("%s is read as %s, %v", text, id, is)
		}
	}
}

// The password of one plant does not open the bus of another, and whoever mixes them up hears that.
func TestPasswordOfAnotherPlantIsExplained(t *testing.T) {
	here, there := startBus(t, "sandbox"), startBus(t, "sandbox")
	refused(t, call(t, "dead", "list", "--nats", here.ClientURL(), "--data", there.dir), "refused", there.dir, "--data")
	ok(t, "dead", "list", "--nats", here.ClientURL(), "--data", here.dir)
}

func TestPlacesThatCannotBeAreRefused(t *testing.T) {
	for _, c := range []struct {
		args  []string
		words []string
	}{
		{[]string{"sandbox", "--listen", "nonsense"}, []string{"nonsense", "--listen", "host:port"}},
		{[]string{"sandbox", "--listen", "127.0.0.1:0", "--url-file", filepath.Join(t.TempDir(), "none", "urls.json")}, []string{"none", "--url-file"}},
		{append([]string{"up", "--data", t.TempDir(), "--url-file", filepath.Join(t.TempDir(), "none", "urls.json")}, anywhere()...), []string{"none", "--url-file"}},
		{[]string{"sandbox", "--listen", "127.0.0.1:0", "--tier", "nobody=Gold"}, []string{"nobody", "main, eoa"}},
	} {
		refused(t, call(t, c.args...), append(c.words, "→ ")...)
	}
}

// TestExecutorTradesForTheAccountsNamed names some accounts of those that are configured, none, and one that is not there.
func TestExecutorTradesForTheAccountsNamed(t *testing.T) {
	all := []account{{Name: "main"}, {Name: "eoa"}, {Name: "proxy"}}
	for _, c := range []struct{ names, want []string }{{nil, []string{"main", "eoa", "proxy"}}, {[]string{"proxy", "main"}, []string{"proxy", "main"}}} {
		list, err := only(all, c.names)
		var got []string
		for _, acc := range list {
			got = append(got, string(acc.Name))
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("of %v: %v, %v; want %v", c.names, got, err, c.want)
		}
	}
	if _, err := only(all, []string{"mian"}); err == nil || !strings.Contains(fmt.Sprint(err), "mian") {
		t.Errorf("an account that is not there: %v", err)
	}
}
