package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
)

// account is one trading identity, ready for the services.
type account struct {
	Name        msgs.Account
	Key         *polymarket.Key
	Funder      polymarket.Address
	Kind        polymarket.WalletKind
	Credentials polymarket.Credentials
	Relay       polymarket.RelayerAuth // nil: none is configured
	// SendTo and Calls are what the settings file allows on chain beyond trading.
	SendTo []polymarket.Address
	Calls  []polymarket.AllowedCall
}

// customary are the names under which tools for this venue find their secrets.
func customary() []string {
	return []string{"POLYMARKET_PRIVATE_KEY", "POLYMARKET_FUNDER", "POLYMARKET_SIGNATURE_TYPE",
		"POLYMARKET_API_KEY", "POLYMARKET_API_SECRET", "POLYMARKET_API_PASSPHRASE"}
}

// named are the accounts that were named, or all that are configured.
func (a *app) named(names []string) ([]string, error) {
	if len(names) > 0 {
		return names, nil
	}
	accounts, _, err := a.accounts()
	for _, acc := range accounts {
		names = append(names, string(acc.Name))
	}
	return names, err
}

// accounts are the identities to trade for. Against the sandbox they are the sandbox's own and nothing is read from the
// environment or from files: a real key must not sign anything there, not even by mistake. Ignored says what was seen and
// left alone.
func (a *app) accounts() (list []account, ignored []string, err error) {
	if a.cli.Env == "sandbox" {
		for _, name := range customary() {
			for _, n := range []string{name, name + "_FILE"} {
				if a.getenv(n) != "" {
					ignored = append(ignored, n)
				}
			}
		}
		for _, s := range a.config.Accounts {
			ignored = append(ignored, "account "+s.Name+" of "+a.config.path)
		}
		list, err = sandboxAccounts()
		return list, ignored, err
	}
	if len(a.config.Accounts) == 0 {
		acc, err := a.customaryAccount()
		if err != nil {
			return nil, nil, err
		}
		return []account{acc}, nil, nil
	}
	for _, s := range a.config.Accounts {
		acc, err := a.realAccount(s)
		if err != nil {
			return nil, nil, err
		}
		list = append(list, acc)
	}
	return list, nil, nil
}

// only is the named ones of the accounts; all of them when none is named. A name that none has is an error.
func only(all []account, names []string) ([]account, error) {
	if len(names) == 0 {
		return all, nil
	}
	var list []account
	for _, name := range names {
		i := slices.IndexFunc(all, func(acc account) bool { return string(acc.Name) == name })
		if i < 0 {
			var known []string
			for _, acc := range all {
				known = append(known, string(acc.Name))
			}
			return nil, problem("no_account", fmt.Sprintf("no account is called %q", name), meant(name, known)+"there are: "+strings.Join(known, ", "))
		}
		list = append(list, all[i])
	}
	return list, nil
}

// customaryAccount is the one account that the customary variables describe. It is named main.
func (a *app) customaryAccount() (account, error) {
	if a.getenv("POLYMARKET_PRIVATE_KEY") == "" && a.getenv("POLYMARKET_PRIVATE_KEY_FILE") == "" {
		return account{}, problem("no_account", "no account is configured", "set POLYMARKET_PRIVATE_KEY_FILE, POLYMARKET_FUNDER and POLYMARKET_SIGNATURE_TYPE, or list accounts in sluice.yaml")
	}
	var values [5]string
	for i, name := range customary()[1:] {
		v, err := a.value(name)
		if err != nil {
			return account{}, err
		}
		values[i] = v
	}
	acc, err := a.realAccount(accountSetting{Name: "main", KeyEnv: customary()[0], Funder: values[0], SignatureType: values[1]})
	if err != nil {
		return account{}, err
	}
	if acc.Credentials, err = credentials(values[2], values[3], values[4]); err != nil {
		return account{}, problem("bad_config", fmt.Sprintf("POLYMARKET_API_KEY, _SECRET and _PASSPHRASE: %v", err), "set all three, or none: then they are created or derived with the key")
	}
	return acc, nil
}

// value is an environment variable, or the content of the file that NAME_FILE names.
func (a *app) value(name string) (string, error) {
	if v := a.getenv(name); v != "" {
		return v, nil
	}
	path := a.getenv(name + "_FILE")
	if path == "" {
		return "", nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", problem("bad_config", fmt.Sprintf("cannot read %s_FILE: %v", name, err), "name a file that this user may read")
	}
	return strings.TrimSpace(string(b)), nil
}

// credentials are an API key of the venue: whole, or none at all.
func credentials(key, secret, passphrase string) (polymarket.Credentials, error) {
	given := 0
	for _, v := range []string{key, secret, passphrase} {
		if v != "" {
			given++
		}
	}
	if given != 0 && given != 3 {
		return polymarket.Credentials{}, fmt.Errorf("only %d of key, secret and passphrase are given", given)
	}
	return polymarket.Credentials{Key: key, Secret: polymarket.Secret(secret), Passphrase: polymarket.Secret(passphrase)}, nil
}

// credentialsFile reads an API key from a JSON file.
func credentialsFile(path string) (polymarket.Credentials, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return polymarket.Credentials{}, err
	}
	var c struct {
		Key, Secret, Passphrase string
		APIKey                  string `json:"apiKey"` // as the venue itself writes it
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return polymarket.Credentials{}, fmt.Errorf("%s is not a JSON object of strings", path) // the reason could quote a secret
	}
	return credentials(cmp.Or(c.Key, c.APIKey), c.Secret, c.Passphrase)
}

func sandboxAccounts() ([]account, error) {
	var list []account
	b := sandbox.BuilderKeys()[0]
	for _, s := range sandbox.Accounts() {
		key, err := polymarket.ParseKey(s.PrivateKey)
		if err != nil {
			return nil, fmt.Errorf("sandbox account %s: %w", s.Name, err)
		}
		funder, err := polymarket.ParseAddress(s.Funder)
		if err != nil {
			return nil, fmt.Errorf("sandbox account %s: %w", s.Name, err)
		}
		list = append(list, account{Name: msgs.Account(s.Name), Key: key, Funder: funder, Kind: polymarket.WalletKind(s.SignatureType),
			Relay: polymarket.BuilderCredentials{Key: b.Key, Secret: polymarket.Secret(b.Secret), Passphrase: polymarket.Secret(b.Passphrase)}})
	}
	for i := range list { // they may send to each other, so that transfers can be tried
		for j := range list {
			if i != j {
				list[i].SendTo = append(list[i].SendTo, list[j].Funder)
			}
		}
	}
	return list, nil
}

// realAccount reads one account's key and refuses every key that the world knows.
func (a *app) realAccount(s accountSetting) (account, error) {
	text, where, err := a.secret(s.KeyFile, s.KeyEnv)
	if err != nil {
		return account{}, err
	}
	key, err := polymarket.ParseKey(text)
	if err != nil {
		return account{}, problem("bad_key", fmt.Sprintf("account %s: %s holds no private key", s.Name, where), "it must hold 64 hex digits, with or without 0x")
	}
	if known, whose := publicKey(key.Address()); known {
		return account{}, problem("public_key", fmt.Sprintf("account %s: the key in %s is %s and known to everyone; money sent to it is stolen within seconds", s.Name, where, whose),
			"make a key of your own, and move what is on this one at once")
	}
	acc := account{Name: msgs.Account(s.Name), Key: key, Funder: key.Address()}
	if s.SignatureType != "" {
		if acc.Kind, err = polymarket.ParseWalletKind(s.SignatureType); err != nil {
			return account{}, problem("bad_config", fmt.Sprintf("account %s: %v", s.Name, err), "signature_type is eoa, proxy, safe or deposit (0 to 3)")
		}
	}
	if s.Funder != "" {
		if acc.Funder, err = polymarket.ParseAddress(s.Funder); err != nil {
			return account{}, problem("bad_config", fmt.Sprintf("account %s: funder: %v", s.Name, err), "funder is the 0x address of the wallet that holds the money")
		}
	} else if acc.Kind != polymarket.EOA {
		return account{}, problem("bad_config", fmt.Sprintf("account %s: a %s wallet needs its funder address", s.Name, acc.Kind), "set funder to the address that the venue shows as yours")
	}
	if s.APIKeyFile != "" {
		if acc.Credentials, err = credentialsFile(s.APIKeyFile); err != nil {
			return account{}, problem("bad_config", fmt.Sprintf("account %s: api_credentials_file: %v", s.Name, err), `the file holds {"key":"…","secret":"…","passphrase":"…"}`)
		}
	}
	if s.RelayerKeyFile != "" {
		if acc.Relay, err = relayerCredentials(s.RelayerKeyFile, key.Address()); err != nil {
			return account{}, problem("bad_config", fmt.Sprintf("account %s: relayer_credentials_file: %v", s.Name, err),
				`the file holds a builder's {"key":"…","secret":"…","passphrase":"…"}, or {"relayer_key":"…"} of the account's own`)
		}
	}
	if err := acc.mayDo(s); err != nil {
		return account{}, problem("bad_config", fmt.Sprintf("account %s: %v", s.Name, err), "send_to is a list of 0x addresses, allowed_calls one of {target: 0x…, selector: 0x…}")
	}
	return acc, nil
}

// relayerCredentials reads what proves an account to the relayer: a builder's credentials, or a relayer key of the owner's own.
func relayerCredentials(path string, owner polymarket.Address) (polymarket.RelayerAuth, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var own struct {
		Key string `json:"relayer_key"`
	}
	if json.Unmarshal(b, &own) == nil && own.Key != "" {
		return polymarket.RelayerCredentials{Key: polymarket.Secret(own.Key), Address: owner}, nil
	}
	c, err := credentialsFile(path)
	if err == nil && c.Key == "" {
		err = fmt.Errorf("%s holds no key", path)
	}
	if err != nil {
		return nil, err
	}
	return polymarket.BuilderCredentials(c), nil
}

// secret reads a private key from a file, from an environment variable, or from the file that NAME_FILE names, and says
// where it was.
func (a *app) secret(file, env string) (text, where string, err error) {
	if file == "" && env != "" {
		if v := a.getenv(env); v != "" {
			return v, env, nil
		}
		file = a.getenv(env + "_FILE")
	}
	if file == "" {
		return "", "", problem("no_key", "no private key is given", "name a file with private_key_file, or a variable that is set with private_key_env")
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", "", problem("no_key", fmt.Sprintf("cannot read the key file: %v", err), "name a file that this user may read")
	}
	return strings.TrimSpace(string(b)), file, nil
}
