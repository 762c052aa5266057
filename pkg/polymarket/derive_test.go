package polymarket

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestBookHashEqualsTheOfficialClient(t *testing.T) {
	f := vectors[struct {
		Vectors []struct {
			CanonicalJSON string `json:"canonical_json"`
			ExpectedHash  string `json:"expected_hash"`
		}
	}](t, "book_hash.json")
	for _, v := range some(t, f.Vectors) {
		var spaced bytes.Buffer
		if err := json.Indent(&spaced, []byte(v.CanonicalJSON), " ", "\t"); err != nil {
			t.Fatal(err)
		}
		hashed := strings.Replace(v.CanonicalJSON, `"hash":""`, `"hash":"`+v.ExpectedHash+`"`, 1)
		for name, text := range map[string]string{"canonical": v.CanonicalJSON, "spaced": spaced.String(), "with its hash": hashed} {
			if got, err := BookHash([]byte(text)); err != nil || got != v.ExpectedHash {
				t.Errorf("%s: %s, %v; want %s", name, got, err, v.ExpectedHash)
			}
		}
	}
	for _, bad := range []string{"", "[]", "{", `"x"`} {
		if got, err := BookHash([]byte(bad)); err == nil {
			t.Errorf("BookHash(%q) = %s", bad, got)
		}
	}
}

func TestWalletsEqualTheOfficialDerivation(t *testing.T) {
	f := vectors[struct {
		Constants map[string]string
		Vectors   []struct {
			Owner, Safe, Proxy string
			UUPS               string `json:"deposit_uups_137"`
			Beacon             string `json:"deposit_beacon_137"`
			AmoyUUPS           string `json:"deposit_uups_80002"`
		}
	}](t, "wallet_derivation.json")
	polygon, err := ContractsOn(Polygon)
	if err != nil {
		t.Fatal(err)
	}
	amoy, err := ContractsOn(Amoy)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range some(t, f.Vectors) {
		owner := mustAddress(t, v.Owner)
		uups, beacon := polygon.DepositWallets(owner)
		amoyUUPS, amoyBeacon := amoy.DepositWallets(owner)
		proxy, ok := polygon.ProxyWallet(owner)
		for what, pair := range map[string][2]string{"safe": {polygon.SafeWallet(owner).Hex(), v.Safe}, "amoy safe": {amoy.SafeWallet(owner).Hex(), v.Safe},
			"proxy": {proxy.Hex(), v.Proxy}, "uups": {uups.Hex(), v.UUPS}, "beacon": {beacon.Hex(), v.Beacon}, "amoy uups": {amoyUUPS.Hex(), v.AmoyUUPS}} {
			if pair[0] != pair[1] {
				t.Errorf("%s of %s: %s, want %s", what, v.Owner, pair[0], pair[1])
			}
		}
		if _, amoyProxy := amoy.ProxyWallet(owner); !ok || amoyProxy || amoyBeacon != (Address{}) {
			t.Error("a wallet kind exists where it does not")
		}
	}
	for name, a := range map[string]Address{"safe_factory": polygon.SafeFactory, "proxy_factory": polygon.ProxyFactory, "deposit_factory": polygon.DepositFactory,
		"uups_implementation_137": polygon.DepositImplementation, "uups_implementation_80002": amoy.DepositImplementation, "beacon_137": polygon.DepositBeacon} {
		if a.Hex() != f.Constants[name] {
			t.Errorf("%s: %s, want %s", name, a, f.Constants[name])
		}
	}
	if got := hex0x([]byte(safeInitCodeHash)); got != f.Constants["safe_init_code_hash"] {
		t.Errorf("safe init code hash %s", got)
	}
	if got := hex0x([]byte(proxyInitCodeHash)); got != f.Constants["proxy_init_code_hash"] {
		t.Errorf("proxy init code hash %s", got)
	}
}

func TestTokenIDsEqualThoseOfRealMarkets(t *testing.T) {
	f := vectors[struct {
		PositionIDs []struct {
			ConditionID, Collateral, CollectionID, PositionID string
			IndexSet                                          uint64
		} `json:"position_ids"`
		ConditionIDs []struct {
			Oracle, QuestionID, ConditionID string
			OutcomeSlotCount                uint64
		} `json:"condition_ids"`
	}](t, "ctf_ids.json")
	for _, v := range some(t, f.PositionIDs) {
		collection := CollectionID(mustHash(t, v.ConditionID), v.IndexSet)
		if collection.Hex() != v.CollectionID {
			t.Errorf("collection %s, want %s", collection, v.CollectionID)
		}
		if got := PositionID(mustAddress(t, v.Collateral), collection); got != mustToken(t, v.PositionID) {
			t.Errorf("position %s, want %s", got, v.PositionID)
		}
	}
	for _, v := range some(t, f.ConditionIDs) {
		if got := ConditionID(mustAddress(t, v.Oracle), mustHash(t, v.QuestionID), v.OutcomeSlotCount); got.Hex() != v.ConditionID {
			t.Errorf("condition %s, want %s", got, v.ConditionID)
		}
	}
}
