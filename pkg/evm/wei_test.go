package evm_test

import (
	"math/big"
	"testing"

	"sluice/pkg/evm"
)

func TestWeiIsExactAndNeverWraps(t *testing.T) {
	all := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))
	most := evm.WeiFrom(all)
	for what, c := range map[string]struct{ got, want evm.Wei }{
		"sum too large":       {most.Plus(evm.WeiOf(1)), most},
		"product too large":   {most.Times(2), most},
		"difference below 0":  {evm.WeiOf(1).Minus(evm.WeiOf(2)), evm.Wei{}},
		"negative":            {evm.WeiFrom(big.NewInt(-1)), evm.Wei{}},
		"nothing":             {evm.WeiFrom(nil), evm.Wei{}},
		"larger than 256 bit": {evm.WeiFrom(new(big.Int).Add(all, all)), most},
		"bumped":              {evm.Gwei(80).Bumped(), evm.Gwei(90)},
		"bumped, rounded up":  {evm.WeiOf(1).Bumped(), evm.WeiOf(2)},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", what, c.got, c.want)
		}
	}
	if s := evm.WeiOf(1_234_567_890_000_000_000).Coins(); s != "1.23456789" {
		t.Errorf("coins are %s", s)
	}
	if s := evm.WeiOf(30_500_000_000).Gwei(); s != "30.5" {
		t.Errorf("gwei are %s", s)
	}
	if s := (evm.Wei{}).Coins(); s != "0" {
		t.Errorf("nothing is %s", s)
	}
}

func FuzzWei(f *testing.F) {
	f.Add("0")
	f.Add("115792089237316195423570985008687907853269984665640564039457584007913129639936")
	f.Add("+1")
	f.Fuzz(func(t *testing.T, s string) {
		var w evm.Wei
		err := w.UnmarshalText([]byte(s))
		n, ok := new(big.Int).SetString(s, 10)
		digits := len(s) > 0
		for _, c := range []byte(s) {
			digits = digits && c >= '0' && c <= '9'
		}
		if want := ok && digits && n.BitLen() <= 256; want != (err == nil) {
			t.Fatalf("%q: %v, want taken: %v", s, err, want)
		}
		if err == nil && w.Big().Cmp(n) != 0 {
			t.Errorf("%q is read as %s", s, w)
		}
	})
}
