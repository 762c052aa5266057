package polymarket

import (
	"testing"

	"github.com/ethereum/go-ethereum/common"
)

// The money under pUSD is USDC.e: the native USDC of the chain gets no permission and nothing of it is signed away, and neither does
// an exchange of 2025.
func TestOnlyTheVenuesMoneyIsTraded(t *testing.T) {
	p, friend := safePolicy(t)
	c := p.Contracts
	all := append(c.Approvals(), append(c.ProtocolApprovals(), c.AutoRedeemApprovals()...)...)
	signed := func(k Call) bool {
		_, err := SignSafeTx(mustKey(t, walletKey), SafeTx{Polygon, p.Wallet, k, 1}, p.Allow)
		return err == nil
	}
	if !signed(c.Transfer(c.Collateral, friend, Units(1))) {
		t.Fatal("not even pUSD for a listed address is signed")
	}
	t.Run("S2-51 addresses on Polygon", func(t *testing.T) {
		for name, a := range map[string]struct {
			got  Address
			want string
		}{
			"USDC.e":              {c.USDCe, "0x2791Bca1f2de4661ED88A30C99A7a9449Aa84174"},
			"ConditionalTokens":   {c.ConditionalTokens, "0x4d97dcd97ec945f40cf65f87097ace5ea0476045"},
			"the neg-risk oracle": {c.NegRiskAdapter, "0xd91E80cF2E7be2e162c6513ceD06f1dD0dA35296"},
		} {
			if a.got != common.HexToAddress(a.want) {
				t.Errorf("%s is at %s, want %s", name, a.got, a.want)
			}
		}
		for _, old := range []string{"0x4bFb41d5B3570DeFd03C39a9A4D8dE6Bd8B8982E", "0xC5d563A36AE78145C45a50134d48A1215220f80a"} {
			for _, a := range all {
				if a.Spender == common.HexToAddress(old) {
					t.Errorf("%s: an exchange of 2025 may take", a.Name)
				}
			}
			if signed(CallOf(c.Collateral, ApproveERC20{common.HexToAddress(old), MaxAllowance()})) {
				t.Errorf("a permission for %s, an exchange of 2025, is signed", old)
			}
		}
	})
	t.Run("S0-37 native USDC is none", func(t *testing.T) {
		if c.USDC == c.USDCe || c.USDC == (Address{}) {
			t.Fatalf("native USDC is at %s", c.USDC)
		}
		for _, a := range all {
			if a.Token == c.USDC {
				t.Errorf("%s is a permission for native USDC", a.Name)
			}
		}
		for name, k := range map[string]Call{
			"permission": CallOf(c.USDC, ApproveERC20{c.Onramp, MaxAllowance()}),
			"transfer":   c.Transfer(c.USDC, friend, Units(1)),
		} {
			if signed(k) {
				t.Errorf("a %s of native USDC is signed", name)
			}
		}
	})
}
