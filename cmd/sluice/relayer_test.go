package main

import (
	"strings"
	"testing"

	"sluice/pkg/evm"
	"sluice/pkg/polymarket"
	"sluice/services/relayer"
)

// TestSettingsSayWhatAnAccountMayDo reads who may receive and what may be called besides the venue's functions, and refuses what is not
// spelled as an address or a selector.
func TestSettingsSayWhatAnAccountMayDo(t *testing.T) {
	const to = "0x6666666666666666666666666666666666666666"
	var acc account
	if err := acc.mayDo(accountSetting{SendTo: []string{to}, Calls: []callSetting{{Target: to, Selector: "0xA9059CBB"}}}); err != nil {
		t.Fatal(err)
	}
	if len(acc.SendTo) != 1 || !strings.EqualFold(acc.SendTo[0].Hex(), to) {
		t.Errorf("send_to %v", acc.SendTo)
	}
	if want := (polymarket.AllowedCall{Target: acc.SendTo[0], Selector: [4]byte{0xa9, 0x05, 0x9c, 0xbb}}); len(acc.Calls) != 1 || acc.Calls[0] != want {
		t.Errorf("allowed_calls %v", acc.Calls)
	}
	for _, bad := range []accountSetting{
		{SendTo: []string{"somebody"}}, {SendTo: []string{to + "0"}}, {Calls: []callSetting{{Target: "x", Selector: "0x01020304"}}},
		{Calls: []callSetting{{Target: to}}}, {Calls: []callSetting{{Target: to, Selector: "0x010203"}}},
		{Calls: []callSetting{{Target: to, Selector: "0x0102030405"}}}, {Calls: []callSetting{{Target: to, Selector: "transfer"}}},
	} {
		if err := new(account).mayDo(bad); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

// TestGasBoundsAreReadInTheirUnits reads gwei and POL.
func TestGasBoundsAreReadInTheirUnits(t *testing.T) {
	l, err := (&gasFlags{MaxFee: "250.5", MaxCost: "0.75", MaxDay: "3"}).limits()
	if err != nil {
		t.Fatal(err)
	}
	if l.MaxFee != evm.WeiOf(250_500_000_000) || l.MaxCost != evm.WeiOf(750_000_000_000_000_000) || l.MaxDay.Coins() != "3" {
		t.Errorf("limits %+v", l)
	}
	if _, err := (&gasFlags{MaxDay: "much"}).limits(); err == nil {
		t.Error("a bound that is no number is taken")
	}
}

// TestCrashPointsOfTheRelayerAreTaken by the variable that ends a process there.
func TestCrashPointsOfTheRelayerAreTaken(t *testing.T) {
	for _, point := range relayer.Points() {
		if _, err := parseCrash(point + ":1:KILL"); err != nil {
			t.Errorf("%s: %v", point, err)
		}
	}
}
