package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"

	"sluice/pkg/msgs"
)

// defaultFile is read when it is there and no other is named.
const defaultFile = "sluice.yaml"

// file is the settings file. Every flag can stand in it under its long name; accounts only stand here.
type file struct {
	path     string
	absent   bool             // there is none, and none was named
	Accounts []accountSetting `yaml:"accounts"`
	flags    map[string]any
}

// accountSetting is one trading identity. Keys stand in files or in the environment, never here.
type accountSetting struct {
	Name          string `yaml:"name"`
	KeyFile       string `yaml:"private_key_file"`
	KeyEnv        string `yaml:"private_key_env"`
	Funder        string `yaml:"funder"`
	SignatureType string `yaml:"signature_type"`
	// APIKeyFile is JSON: {"key":…,"secret":…,"passphrase":…}. Without it the credentials are created or derived with the key.
	APIKeyFile string `yaml:"api_credentials_file"`
	// RelayerKeyFile is JSON: a builder's {"key":…,"secret":…,"passphrase":…}, or {"relayer_key":…} of the account's own.
	RelayerKeyFile string `yaml:"relayer_credentials_file"`
	// SendTo are the only addresses that transfers go to, Calls the only functions that may be called besides the venue's own.
	SendTo []string      `yaml:"send_to"`
	Calls  []callSetting `yaml:"allowed_calls"`
}

// configPath is the file that args or the environment name, before the rest of the arguments is understood.
func configPath(args []string, getenv func(string) string) string {
	for i, a := range args {
		if v, ok := strings.CutPrefix(a, "--config="); ok {
			return v
		}
		if a == "--config" && i+1 < len(args) {
			return args[i+1]
		}
	}
	return getenv("SLUICE_CONFIG")
}

// readFile reads the settings file; without a path the default one, which may be missing.
func readFile(path string) (*file, error) {
	f := &file{path: path, flags: map[string]any{}}
	if path == "" {
		f.path = defaultFile
	}
	b, err := os.ReadFile(f.path)
	if path == "" && errors.Is(err, fs.ErrNotExist) {
		f.absent = true
		return f, nil
	}
	if err != nil {
		return nil, problem("bad_config", fmt.Sprintf("cannot read settings file: %v", err), "name an existing file with --config, or leave it out")
	}
	if err := yaml.Unmarshal(b, &f.flags); err != nil {
		return nil, problem("bad_config", fmt.Sprintf("%s is not YAML: %v", f.path, err), "mend the line that it names")
	}
	accounts, has := f.flags["accounts"]
	delete(f.flags, "accounts")
	if has {
		b, err := yaml.Marshal(accounts)
		if err == nil {
			err = yaml.UnmarshalWithOptions(b, &f.Accounts, yaml.Strict())
		}
		if err != nil {
			return nil, problem("bad_config", fmt.Sprintf("accounts of %s: %v", f.path, err),
				"an account has name, private_key_file or private_key_env, funder, signature_type, api_credentials_file, relayer_credentials_file, send_to, allowed_calls")
		}
	}
	seen := map[string]bool{}
	for _, acc := range f.Accounts {
		if !msgs.ValidAccount(acc.Name) {
			return nil, problem("bad_config", fmt.Sprintf("%q in %s cannot be the name of an account", acc.Name, f.path), "use 1 to 32 of a-z, 0-9, - and _, beginning with a letter or digit")
		}
		if seen[acc.Name] {
			return nil, problem("bad_config", fmt.Sprintf("%s names account %s twice", f.path, acc.Name), "give each account a name of its own")
		}
		seen[acc.Name] = true
	}
	return f, nil
}

// Validate refuses settings that no command has: a misspelt one would be silently without effect.
func (f *file) Validate(k *kong.Application) error {
	known := map[string]bool{}
	err := kong.Visit(k, func(n kong.Visitable, next kong.Next) error {
		if flag, ok := n.(*kong.Flag); ok {
			known[flag.Name] = true
		}
		return next(nil)
	})
	if err != nil {
		return err
	}
	delete(known, "help")
	delete(known, "config")
	delete(known, "live") // the file must not win over --env
	for _, name := range sorted(f.flags) {
		if name == "live" {
			return problem("bad_config", f.path+" has a setting live", `write "env: live"`)
		}
		if !known[name] {
			return problem("bad_config", fmt.Sprintf("%s: no setting is named %q", f.path, name),
				meant(name, sorted(known))+"a setting has the name of a flag, without the dashes before it: see sluice COMMAND --help")
		}
	}
	return nil
}

// Resolve gives a flag's value from the file; kong asks only for what no flag gave, and the environment goes first.
func (f *file) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, env := range flag.Envs {
		if os.Getenv(env) != "" {
			return nil, nil
		}
	}
	v, ok := f.flags[flag.Name]
	if !ok {
		return nil, nil
	}
	return settingText(v), nil
}

// settingText writes a value of the file as it would be written behind its flag.
func settingText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case []any:
		parts := make([]string, len(v))
		for i, x := range v {
			parts[i] = settingText(x)
		}
		return strings.Join(parts, ",")
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64) // never 1e+06
	}
	return fmt.Sprint(v)
}
