package main

import (
	"fmt"
	"os"
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
}

// customary are the names under which tools for this venue find their secrets.
func customary() []string {
	return []string{"POLYMARKET_PRIVATE_KEY", "POLYMARKET_FUNDER", "POLYMARKET_SIGNATURE_TYPE",
		"POLYMARKET_API_KEY", "POLYMARKET_API_SECRET", "POLYMARKET_API_PASSPHRASE"}
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
	settings := a.config.Accounts
	if len(settings) == 0 && (a.getenv("POLYMARKET_PRIVATE_KEY") != "" || a.getenv("POLYMARKET_PRIVATE_KEY_FILE") != "") {
		settings = []accountSetting{{Name: "main", KeyEnv: "POLYMARKET_PRIVATE_KEY",
			Funder: a.getenv("POLYMARKET_FUNDER"), SignatureType: a.getenv("POLYMARKET_SIGNATURE_TYPE")}}
	}
	if len(settings) == 0 {
		return nil, nil, problem("no_account", "no account is configured", "set POLYMARKET_PRIVATE_KEY_FILE, POLYMARKET_FUNDER and POLYMARKET_SIGNATURE_TYPE, or list accounts in sluice.yaml")
	}
	for _, s := range settings {
		acc, err := a.realAccount(s)
		if err != nil {
			return nil, nil, err
		}
		list = append(list, acc)
	}
	return list, nil, nil
}

func sandboxAccounts() ([]account, error) {
	var list []account
	for _, s := range sandbox.Accounts() {
		key, err := polymarket.ParseKey(s.PrivateKey)
		if err != nil {
			return nil, fmt.Errorf("sandbox account %s: %w", s.Name, err)
		}
		funder, err := polymarket.ParseAddress(s.Funder)
		if err != nil {
			return nil, fmt.Errorf("sandbox account %s: %w", s.Name, err)
		}
		list = append(list, account{Name: msgs.Account(s.Name), Key: key, Funder: funder, Kind: polymarket.WalletKind(s.SignatureType)})
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
	return acc, nil
}

// secret reads a secret from a file, from an environment variable, or from the file that NAME_FILE names.
func (a *app) secret(file, env string) (text, where string, err error) {
	if file == "" && env != "" {
		if v := a.getenv(env); v != "" {
			return v, env, nil
		}
		file = a.getenv(env + "_FILE")
	}
	if file == "" {
		return "", "", problem("no_key", "no private key is named", "name a file with private_key_file, or a variable with private_key_env")
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", "", problem("no_key", fmt.Sprintf("cannot read the key file: %v", err), "name a file that this user may read")
	}
	return strings.TrimSpace(string(b)), file, nil
}
