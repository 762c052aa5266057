package polymarket

import (
	"fmt"

	"github.com/ethereum/go-ethereum/common"
)

// The two chains the venue knows.
const (
	Polygon uint64 = 137
	Amoy    uint64 = 80002
)

// Contracts are the venue's addresses on one chain; zero where a contract does not exist there.
type Contracts struct {
	ConditionalTokens Address // CTF, ERC-1155
	Collateral        Address // pUSD, 6 decimals
	Exchange          Address // CTF Exchange V2, regular markets
	NegRiskExchange   Address // NegRisk CTF Exchange V2
	ExchangeV3        Address // Protocol V2

	CollateralAdapter        Address // split, merge, redeem in regular markets
	NegRiskCollateralAdapter Address // the same in neg-risk markets
	Onramp, Offramp          Address // USDC.e to pUSD and back
	PermissionedRamp         Address
	Router                   Address // Protocol V2
	PositionManager          Address // Protocol V2, ERC-1155
	BinaryModule             Address
	NegRiskModule            Address
	CombinatorialModule      Address
	AutoRedeemer             Address
	USDCe                    Address // collateral inside the ids of regular markets
	NegRiskCollateral        Address // wrapped collateral inside the ids of neg-risk markets
	USDC                     Address
	UMAAdapter               Address
	NegRiskAdapter           Address // before V2; oracle of neg-risk conditions

	SafeFactory           Address
	SafeMultiSend         Address
	ProxyFactory          Address
	RelayHub              Address
	DepositFactory        Address
	DepositImplementation Address // UUPS
	DepositBeacon         Address
}

// ContractsOn returns the addresses of a chain; other chains than Polygon and Amoy are refused.
func ContractsOn(chainID uint64) (Contracts, error) {
	hex := common.HexToAddress
	c := Contracts{
		Collateral:      hex("0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB"),
		Exchange:        hex("0xE111180000d2663C0091e4f400237545B87B996B"),
		NegRiskExchange: hex("0xe2222d279d744050d28e00520010520000310F59"),
		NegRiskAdapter:  hex("0xd91E80cF2E7be2e162c6513ceD06f1dD0dA35296"),
		SafeFactory:     hex("0xaacFeEa03eb1561C4e67d661e40682Bd20E3541b"),
		SafeMultiSend:   hex("0xA238CBeb142c10Ef7Ad8442C6D1f9E89e07e7761"),
		DepositFactory:  hex("0x00000000000Fb5C9ADea0298D729A0CB3823Cc07"),
	}
	switch chainID {
	case Amoy:
		c.ConditionalTokens = hex("0x69308FB512518e39F9b16112fA8d994F4e2Bf8bB")
		c.ExchangeV3 = hex("0x9fE6e61422AdB6F610d8597F9684b16912D50C3D")
		c.DepositImplementation = hex("0x50a88fE9a441cB4c9c2aD6A2207CE2795C7D7Fbd")
		return c, nil
	case Polygon:
		return onPolygon(c), nil
	}
	return Contracts{}, fmt.Errorf("find contracts: unknown chain %d", chainID)
}

func onPolygon(c Contracts) Contracts {
	hex := common.HexToAddress
	c.ConditionalTokens = hex("0x4D97DCd97eC945f40cF65F87097ACe5EA0476045")
	c.ExchangeV3 = hex("0xe3333700cA9d93003F00f0F71f8515005F6c00Aa")
	c.CollateralAdapter = hex("0xAdA100Db00Ca00073811820692005400218FcE1f")
	c.NegRiskCollateralAdapter = hex("0xadA2005600Dec949baf300f4C6120000bDB6eAab")
	c.Onramp = hex("0x93070a847efEf7F70739046A929D47a521F5B8ee")
	c.Offramp = hex("0x2957922Eb93258b93368531d39fAcCA3B4dC5854")
	c.PermissionedRamp = hex("0xebC2459Ec962869ca4c0bd1E06368272732BCb08")
	c.Router = hex("0x12121212006e4CD160D18e3f00711DA5c3372600")
	c.PositionManager = hex("0x006F54F7f9A22e0000CC2AB60031000000ae9fEF")
	c.BinaryModule = hex("0x1000008dD9001B968442c1000017eaE6E0dA00Ba")
	c.NegRiskModule = hex("0x200000900045e3B6259600682756002200028933")
	c.CombinatorialModule = hex("0x30000034706C7d8e12009DAB006Be20000c031A8")
	c.AutoRedeemer = hex("0xa1200000d0002264C9a1698e001292D00E1b00af")
	c.USDCe = hex("0x2791Bca1f2de4661ED88A30C99A7a9449Aa84174")
	c.NegRiskCollateral = hex("0x3A3BD7bb9528E159577F7C2e685CC81A765002E2")
	c.USDC = hex("0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359")
	c.UMAAdapter = hex("0x6A9D222616C90FcA5754cd1333cFD9b7fb6a4F74")
	c.ProxyFactory = hex("0xaB45c5A4B0c941a2F231C04C3f49182e1A254052")
	c.RelayHub = hex("0xD216153c06E857cD7f72665E0aF1d7D82172F494")
	c.DepositImplementation = hex("0x58CA52ebe0DadfdF531Cde7062e76746de4Db1eB")
	c.DepositBeacon = hex("0x7A18EDfe055488A3128f01F563e5B479D92ffc3a")
	return c
}
