package main

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
	"sluice/services/executor"
	"sluice/services/ingest"
)

// newKey draws a private key that nobody knows.
func newKey(t *testing.T) (text string, address polymarket.Address) {
	t.Helper()
	b := make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	key, err := polymarket.ParseKey(hex.EncodeToString(b))
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b), key.Address()
}

// Real keys are everywhere they could be: in variables, in files that variables name, in the settings file. None is read:
// a warning names them and not what they hold, all that signs at the venue is the sandbox's own, and no file of the run
// holds a key's text.
func TestNoKeyOfTheEnvironmentReachesTheSandbox(t *testing.T) {
	direct, directAddress := newKey(t)
	filed, filedAddress := newKey(t)
	keyFile := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(keyFile, []byte(filed), 0o600); err != nil {
		t.Fatal(err)
	}
	settings := settingsFile(t, fmt.Sprintf("accounts:\n  - {name: main, private_key_file: %q, signature_type: eoa}\n  - {name: whale, private_key_env: WHALE_KEY}\n", keyFile))
	env := []string{"POLYMARKET_PRIVATE_KEY=" + direct, "POLYMARKET_PRIVATE_KEY_FILE=" + keyFile, "WHALE_KEY=" + direct, "POLYMARKET_API_KEY=3b1e0000-0000-4000-8000-0000000000aa",
		"POLYMARKET_API_SECRET=" + filed, "POLYMARKET_API_PASSPHRASE_FILE=" + keyFile, "POLYMARKET_FUNDER=" + directAddress.String(), "SLUICE_CONFIG=" + settings, "SLUICE_DEBUG=1"}
	dir := t.TempDir()
	r := up(t, dir, env)
	buy(t, r)
	journal, err := read(r.CLOB + "/_sandbox/journal")
	if err != nil {
		t.Fatal(err)
	}
	e := r.end(t, syscall.SIGTERM)
	for _, name := range []string{"POLYMARKET_PRIVATE_KEY,", "POLYMARKET_PRIVATE_KEY_FILE", "POLYMARKET_API_SECRET", "POLYMARKET_API_PASSPHRASE_FILE", "POLYMARKET_FUNDER", "account main of " + settings, "account whale"} {
		if !strings.Contains(e.err, name) {
			t.Errorf("the warning does not name %s: %s", name, e.err)
		}
	}

	own, signers := map[string]bool{}, 0
	for _, a := range sandbox.Accounts() {
		own[strings.ToLower(a.Address)], own[strings.ToLower(a.Funder)] = true, true
	}
	for _, m := range regexp.MustCompile(`\\"(?:signer|maker)\\":\\"(0x[0-9a-fA-F]{40})`).FindAllStringSubmatch(journal, -1) {
		signers++
		if !own[strings.ToLower(m[1])] {
			t.Errorf("%s has signed at the sandbox", m[1])
		}
	}
	if signers == 0 {
		t.Error("the journal shows no order: nothing was shown")
	}

	hidden := []string{direct, filed, filedAddress.String()[2:], directAddress.String()[2:]}
	shown := map[string]string{"stdout": e.out, "stderr": e.err, "journal": journal}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		shown[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for where, text := range shown {
		for _, h := range hidden {
			if strings.Contains(strings.ToLower(text), strings.ToLower(h)) {
				t.Errorf("%s holds a key of the environment, or its address", where)
			}
		}
	}
	t.Chdir(t.TempDir())
	for _, v := range env[:2] {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
	f := doctorOf(t, call(t, "doctor", "-o", "json", "--nats", "nats://127.0.0.1:1", "--clob", "http://127.0.0.1:1", "--http", "127.0.0.1:1", "--data", t.TempDir())).finding(t, "keys")
	if !strings.Contains(f.Error.Cause, "POLYMARKET_PRIVATE_KEY") || strings.Contains(f.Error.Cause, direct) {
		t.Errorf("the doctor about ignored keys: %+v", f)
	}
}

// repositoryKeys finds what stands in the repository and could be taken for a private key: 32 bytes of hex right behind a
// word for a key, or before a comment that has one.
func repositoryKeys(t *testing.T) map[string]string {
	t.Helper()
	const digits = `(?:0x)?([0-9a-f]{64})`
	keys := []*regexp.Regexp{
		regexp.MustCompile(`(?i)(?:priv|key|secret|hidden|signer)\w*[^\w].{0,20}?\b` + digits + `\b`),
		regexp.MustCompile(`(?i)\b` + digits + `\b.*(?://|#).*(?:priv|key)`),
	}
	found := map[string]string{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == ".git" || d.Name() == "node_modules" {
				return fs.SkipDir
			}
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil || !utf8.Valid(b) || strings.HasSuffix(path, ".sum") {
			return err
		}
		for line := range strings.Lines(string(b)) {
			for _, r := range keys {
				for _, m := range r.FindAllStringSubmatch(line, -1) {
					found[strings.ToLower(m[1])] = path
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// A key that stands in the repository is known to everyone who reads it: money on it is gone.
func TestLiveRefusesEveryKeyOfTheRepository(t *testing.T) {
	keys := repositoryKeys(t)
	if len(keys) < 3 {
		t.Fatalf("only %d keys found: is the test run from its folder?", len(keys))
	}
	for _, a := range sandbox.Accounts() {
		keys[strings.TrimPrefix(a.PrivateKey, "0x")] = "sandbox account " + a.Name
	}
	for _, guess := range []string{strings.Repeat("0", 63) + "1", strings.Repeat("0", 62) + "2a", strings.Repeat("11", 32), strings.Repeat("ab", 32)} {
		keys[guess] = "what anybody guesses"
	}
	if public, _ := publicKey(polymarket.Address{}); public {
		t.Error("every address is called public")
	}
	for _, env := range []string{"live", "paper"} {
		for text, where := range keys {
			a := inEnv(t.Context(), env)
			a.getenv = func(name string) string { return map[string]string{"POLYMARKET_PRIVATE_KEY": "0x" + text}[name] }
			_, _, err := a.accounts()
			e, is := errors.AsType[*msgs.Error](err)
			if !is || e.Code != "public_key" || strings.Contains(strings.ToLower(e.Cause+e.Fix), text) {
				t.Errorf("env %s, a key of %s: %v", env, where, err)
			}
		}
	}
	box, _ := venues(t)
	var first struct {
		Kind     string
		Accounts []struct{ Name, Address string }
	}
	text, err := get(t.Context(), box.URL+"/_sandbox/journal")
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(text, "\n")
	one(t, line+"\n", &first)
	if len(first.Accounts) < 6 {
		t.Fatalf("the journal's first line names too few accounts: %s", line)
	}
	for _, acc := range first.Accounts {
		address, err := polymarket.ParseAddress(acc.Address)
		if err != nil {
			t.Fatal(err)
		}
		if public, _ := publicKey(address); !public {
			t.Errorf("the sandbox's account %s (%s) is not known as public", acc.Name, acc.Address)
		}
	}
}

// Addresses are written with a checksum in their capitals, so that a mistyped one shows.
func TestDevelopmentAddressesAreSpeltRight(t *testing.T) {
	for _, text := range append(developmentAddresses(), sandboxMaker) {
		if a, err := polymarket.ParseAddress(text); err != nil || a.String() != text {
			t.Errorf("%s: want %s, %v", text, a, err)
		}
	}
}

func TestCommandsRefuseAPublicKey(t *testing.T) {
	_, other := venues(t)
	t.Setenv("POLYMARKET_PRIVATE_KEY", sandbox.Accounts()[1].PrivateKey)
	for _, cmd := range []string{"executor", "ingest"} {
		f := call(t, cmd, "--live", "-o", "json", "--clob", other.URL, "--nats", "nats://127.0.0.1:1", "--data", t.TempDir()).failure(t)
		if f.Error.Code != "public_key" || !strings.Contains(f.Error.Cause, "POLYMARKET_PRIVATE_KEY") || !strings.Contains(f.Error.Fix, "key of your own") {
			t.Errorf("%s --live: %+v", cmd, f)
		}
	}
}

func TestAccountsOfRealMoney(t *testing.T) {
	text, address := newKey(t)
	path := filepath.Join(t.TempDir(), "secret")
	write := func(content string) string {
		name := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(name, []byte(content+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	funder := "0x" + strings.Repeat("1", 40)
	with := func(env map[string]string, settings ...accountSetting) ([]account, error) {
		a := inEnv(t.Context(), "live")
		a.getenv = func(name string) string { return env[name] }
		a.config.Accounts = settings
		list, ignored, err := a.accounts()
		if len(ignored) > 0 {
			t.Errorf("ignored when live: %v", ignored)
		}
		return list, err
	}

	for name, env := range map[string]map[string]string{
		"variables": {"POLYMARKET_PRIVATE_KEY": "0x" + text, "POLYMARKET_FUNDER": funder, "POLYMARKET_SIGNATURE_TYPE": "safe",
			"POLYMARKET_API_KEY": "k", "POLYMARKET_API_SECRET": "s", "POLYMARKET_API_PASSPHRASE": "p"},
		"files": {"POLYMARKET_PRIVATE_KEY_FILE": write(text), "POLYMARKET_FUNDER_FILE": write(funder), "POLYMARKET_SIGNATURE_TYPE_FILE": write("2"),
			"POLYMARKET_API_KEY_FILE": write("k"), "POLYMARKET_API_SECRET_FILE": write("s"), "POLYMARKET_API_PASSPHRASE_FILE": write("p")},
	} {
		list, err := with(env)
		if err != nil || len(list) != 1 {
			t.Fatalf("%s: %v", name, err)
		}
		a := list[0]
		if a.Name != "main" || a.Key.Address() != address || !strings.EqualFold(a.Funder.String(), funder) || a.Kind != polymarket.Safe ||
			a.Credentials.Key != "k" || a.Credentials.Secret.Reveal() != "s" || a.Credentials.Passphrase.Reveal() != "p" {
			t.Errorf("%s: %+v", name, a)
		}
	}
	list, err := with(nil, accountSetting{Name: "a", KeyFile: write(text), APIKeyFile: write(`{"apiKey":"k","secret":"s","passphrase":"p"}`)})
	if err != nil || list[0].Kind != polymarket.EOA || list[0].Funder != address || list[0].Credentials.Key != "k" {
		t.Errorf("from the settings file: %+v, %v", list, err)
	}

	for _, c := range []struct {
		why, code string
		env       map[string]string
		setting   accountSetting
	}{
		{"nothing at all", "no_account", nil, accountSetting{}},
		{"no key named", "no_key", nil, accountSetting{Name: "a"}},
		{"no such file", "no_key", nil, accountSetting{Name: "a", KeyFile: path}},
		{"no such file in a variable", "no_key", map[string]string{"POLYMARKET_PRIVATE_KEY_FILE": path}, accountSetting{}},
		{"no key", "bad_key", map[string]string{"POLYMARKET_PRIVATE_KEY": text[:62] + "zz"}, accountSetting{}},
		{"no kind", "bad_config", map[string]string{"K": text}, accountSetting{Name: "a", KeyEnv: "K", SignatureType: "vault"}},
		{"no address", "bad_config", map[string]string{"K": text}, accountSetting{Name: "a", KeyEnv: "K", Funder: "me"}},
		{"a wallet without address", "bad_config", map[string]string{"K": text}, accountSetting{Name: "a", KeyEnv: "K", SignatureType: "proxy"}},
		{"half of the credentials", "bad_config", map[string]string{"POLYMARKET_PRIVATE_KEY": text, "POLYMARKET_API_KEY": "k"}, accountSetting{}},
		{"no credentials in the file", "bad_config", map[string]string{"K": text}, accountSetting{Name: "a", KeyEnv: "K", APIKeyFile: write("secret-" + text)}},
	} {
		var settings []accountSetting
		if c.setting.Name != "" {
			settings = append(settings, c.setting)
		}
		_, err := with(c.env, settings...)
		e, is := errors.AsType[*msgs.Error](err)
		if !is || string(e.Code) != c.code || e.Fix == "" || strings.Contains(e.Cause+e.Fix, text[:40]) {
			t.Errorf("%s: %v", c.why, err)
		}
	}
}

// Whatever way an account or a configuration is printed, what is secret prints as [secret].
func TestSecretsOfAccountsNeverPrint(t *testing.T) {
	text, _ := newKey(t)
	key, err := polymarket.ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	creds := polymarket.Credentials{Key: "id", Secret: polymarket.Secret("s3cr3t-" + text), Passphrase: polymarket.Secret("phrase-" + text)}
	acc := account{Name: "main", Key: key, Credentials: creds}
	ex := executor.Account{Name: "main", Key: key, Credentials: creds, Caps: executor.Caps{Order: money.Cash(money.Unit)}}
	in := ingest.Account{Name: "main", Key: key, Credentials: creds}
	number, _ := new(big.Int).SetString(text, 16) // as %v prints the inside of an unprotected key
	for name, v := range map[string]any{"account": acc, "*account": &acc, "accounts": []account{acc}, "executor.Account": ex, "ingest.Account": in,
		"executor.Config": executor.Config{Accounts: []executor.Account{ex}}, "ingest.Config": ingest.Config{Accounts: []ingest.Account{in}}} {
		var b bytes.Buffer
		fmt.Fprintf(&b, "%v %+v %#v %s %q %x\n", v, v, v, v, v, v)
		log := []*slog.Logger{slog.New(slog.NewTextHandler(&b, nil)), slog.New(slog.NewJSONHandler(&b, nil))}
		for _, l := range log {
			l.Info("m", "v", v)
		}
		if j, err := json.Marshal(v); err == nil {
			b.Write(j)
		}
		out := strings.ToLower(b.String())
		for _, secret := range []string{text, number.String(), "s3cr3t", "phrase-"} {
			if strings.Contains(out, secret) {
				t.Errorf("%s prints a secret", name)
			}
		}
		if !strings.Contains(out, "[secret]") {
			t.Errorf("%s does not show that there is a secret", name)
		}
	}
}

// read gets a text of any length.
func read(url string) (string, error) {
	r, err := http.Get(url)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	return string(b), err
}
