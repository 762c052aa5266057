package sandbox

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// URLs is where to reach a sandbox and with what: the content of the URL file. Services that this sandbox does not
// have are empty.
type URLs struct {
	CLOB     string    `json:"clob"`
	WSMarket string    `json:"ws_market"`
	WSUser   string    `json:"ws_user"`
	Gamma    string    `json:"gamma"`
	Data     string    `json:"data"`
	Relayer  string    `json:"relayer"`
	RPC      string    `json:"rpc"`
	Accounts []Account `json:"accounts"`
	// Builders are who may submit to the relayer for anybody; RelayerKeys, by account, for its own wallets.
	Builders    []BuilderKey      `json:"builders"`
	RelayerKeys map[string]string `json:"relayer_keys"`
	Markets     []URLMarket       `json:"markets"`
}

// URLMarket is a market as the URL file names it.
type URLMarket struct {
	Slug        string    `json:"slug"`
	ConditionID string    `json:"condition_id"`
	Tokens      [2]string `json:"tokens"` // Yes, No
	TickSize    string    `json:"tick_size"`
	NegRisk     bool      `json:"neg_risk"`
}

// URLsFor describes a sandbox that listens on address (host:port).
func URLsFor(address string) URLs {
	u := URLs{
		CLOB: "http://" + address, WSMarket: "ws://" + address + "/ws/market", WSUser: "ws://" + address + "/ws/user",
		Gamma: "http://" + address + "/gamma", Data: "http://" + address + "/data-api", RPC: "http://" + address + "/rpc",
		Relayer: "http://" + address + "/relayer", Accounts: Accounts(), Builders: BuilderKeys(), RelayerKeys: map[string]string{},
	}
	for _, a := range u.Accounts {
		u.RelayerKeys[a.Name] = a.RelayerKey()
	}
	for _, m := range Markets() {
		u.Markets = append(u.Markets, URLMarket{m.Slug, m.ConditionID, m.Tokens, m.TickSize, m.NegRisk})
	}
	return u
}

// WriteURLFile writes u as JSON. A reader sees either no file, the old one, or all of the new one.
func WriteURLFile(file string, u URLs) error {
	text, err := json.MarshalIndent(u, "", "  ")
	if err != nil {
		return fmt.Errorf("encode urls: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return fmt.Errorf("create url file: %w", err)
	}
	_, err = tmp.Write(append(text, '\n'))
	if errC := tmp.Close(); err == nil {
		err = errC
	}
	if err == nil {
		err = os.Rename(tmp.Name(), file)
	}
	if err != nil {
		os.Remove(tmp.Name())
		return fmt.Errorf("write url file: %w", err)
	}
	return nil
}
