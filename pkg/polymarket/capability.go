package polymarket

// OwnGas says when an owner may bring a wallet's work to the chain and pay for it.
type OwnGas string

// The four answers.
const (
	OwnGasAlways       OwnGas = "always"        // the wallet is the account itself
	OwnGasSamePayload  OwnGas = "same_payload"  // the very bytes signed for the relayer, at any time: the nonce lets one have effect
	OwnGasAfterRefusal OwnGas = "after_refusal" // only when the relayer has definitely refused: nothing stops a second execution
	OwnGasNever        OwnGas = "never"         // only the venue's operator can bring it
)

// Capability is what a kind of wallet can do, and what stands between one piece of work and its second execution.
type Capability struct {
	Kind    WalletKind
	Relayer bool        // the relayer carries it
	Submit  RelayerType // how it is submitted; "" without the relayer
	Create  RelayerType // how the relayer makes the wallet; "" when it needs no making or is made by its first use
	OwnGas  OwnGas
	Fence   string // for people: what makes a second execution impossible
	Waits   string // for people: why work waits when the relayer is out of reach
	Batch   bool   // several calls are one transaction
}

// Capabilities is the table, one row for each kind, ordered by number.
func Capabilities() []Capability {
	return []Capability{
		{Kind: EOA, OwnGas: OwnGasAlways, Fence: "the account's nonce"},
		{Kind: Proxy, Relayer: true, Submit: RelayProxy, OwnGas: OwnGasAfterRefusal, Batch: true, Fence: "none: the same calls can be performed twice",
			Waits: "own gas only after the relayer has definitely refused, as nothing stops a second execution"},
		{Kind: Safe, Relayer: true, Submit: RelaySafe, Create: RelaySafeCreate, OwnGas: OwnGasSamePayload, Batch: true, Fence: "the Safe's nonce",
			Waits: "the owner's account needs gas to bring it"},
		{Kind: Deposit, Relayer: true, Submit: RelayWallet, Create: RelayWalletCreate, OwnGas: OwnGasNever, Batch: true, Fence: "the batch's nonce and deadline",
			Waits: "only the venue's relayer can act for a deposit wallet"},
	}
}

// Can is the table's row of the kind; ok is false for a number that is none.
func (k WalletKind) Can() (_ Capability, ok bool) {
	table := Capabilities()
	if int(k) >= len(table) {
		return Capability{}, false
	}
	return table[k], true
}
