package polymarket

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/crypto"
)

const hidden = "4f3edf983ac636a65a842ce7c78d9aa706d3b113bce9c46f30d7d21715b23b1d" // a throw-away key

// Whatever a secret is put into, and however that is printed, the text itself never shows.
func TestSecretsNeverPrint(t *testing.T) {
	key := mustKey(t, hidden)
	creds := Credentials{Key: "id", Secret: hidden, Passphrase: hidden}
	builder := BuilderCredentials{Key: "id", Secret: hidden, Passphrase: hidden}
	clob := CLOB{Key: key, Creds: creds}
	for name, v := range map[string]any{"secret": Secret(hidden), "key": key, "key value": *key, "credentials": creds, "pointer": &creds, "builder": builder,
		"slice": []Secret{hidden}, "map": map[string]Secret{"a": hidden}, "clob": clob} {
		var texts []string
		for _, verb := range []string{"%v", "%s", "%+v", "%#v", "%x", "%q", "%d"} {
			texts = append(texts, fmt.Sprintf(verb, v))
		}
		if b, err := json.Marshal(v); err == nil {
			texts = append(texts, string(b))
		}
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "v", v)
		for _, text := range append(texts, log.String()) {
			d := new(big.Int)
			d.SetString(hidden, 16)
			if strings.Contains(text, hidden[:16]) || strings.Contains(text, fmt.Sprintf("%x", hidden)[:16]) || strings.Contains(text, d.String()[:16]) {
				t.Errorf("%s shows: %s", name, text)
			}
		}
	}
	if Secret(hidden).Reveal() != hidden {
		t.Error("Reveal does not")
	}
}

func TestBadKeyIsRefusedWithoutBeingQuoted(t *testing.T) {
	for _, s := range []string{"", "0x", hidden[:62], hidden + "00", "zz" + hidden[2:], strings.Repeat("0", 64), strings.Repeat("f", 64)} {
		if k, err := ParseKey(s); err == nil {
			t.Errorf("ParseKey(%q) = %v", s, k)
		} else if len(s) > 8 && strings.Contains(err.Error(), s[:8]) {
			t.Errorf("the error quotes the key: %v", err)
		}
	}
	for _, s := range []string{hidden, "0x" + hidden, " 0x" + strings.ToUpper(hidden) + "\n"} {
		if k, err := ParseKey(s); err != nil || k.Address().Hex() != "0x90F8bf6A479f320ead074411a4B0e7944Ea8c9C1" {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestHalfOrderIsHalfTheOrder(t *testing.T) {
	n := new(big.Int).Rsh(crypto.S256().Params().N, 1)
	if string(n.Bytes()) != halfOrder {
		t.Errorf("%x", n)
	}
}

func TestWalletKindsAreReadInEverySpelling(t *testing.T) {
	for want, spellings := range map[WalletKind][]string{EOA: {"0", "eoa", "EOA"}, Proxy: {"1", "proxy", "POLY_PROXY", "poly-proxy"},
		Safe: {"2", "safe", "gnosis_safe", "POLY_GNOSIS_SAFE"}, Deposit: {"3", "deposit", "poly_1271", "POLY_1271", "deposit-wallet"}} {
		for _, s := range append(spellings, want.String()) {
			if got, err := ParseWalletKind(s); err != nil || got != want {
				t.Errorf("%q: %s, %v", s, got, err)
			}
		}
	}
	for _, s := range []string{"", "4", "-1", "wallet"} {
		if got, err := ParseWalletKind(s); err == nil {
			t.Errorf("%q: %s", s, got)
		}
	}
}

func TestTokenIDsKeepAll256Bits(t *testing.T) {
	top := "115792089237316195423570985008687907853269984665640564039457584007913129639935"
	for _, s := range []string{"0", "1", "10000000000000000000", top} {
		if id := mustToken(t, s); s == top && id != (TokenID([]byte(strings.Repeat("\xff", 32)))) {
			t.Errorf("%s: %x", s, id[:])
		}
	}
	for _, s := range []string{"", "-1", "+1", "01", "0x1", "1.0", " 1", "115792089237316195423570985008687907853269984665640564039457584007913129639936"} {
		if id, err := ParseTokenID(s); err == nil {
			t.Errorf("ParseTokenID(%q) = %s", s, id)
		}
	}
}
