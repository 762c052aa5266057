package evm

import "strings"

// Kind is what an error means for whoever asked.
type Kind int

// The kinds. Those from Known to Invalid are deterministic: every honest endpoint says the same, so asking another is
// useless and blaming the one that said it is wrong.
const (
	// None is no error.
	None Kind = iota
	// Known: the endpoint has this transaction already. For whoever sends, that is success.
	Known
	// Reverted: the contract refused.
	Reverted
	// NonceUsed: the account has used this nonce.
	NonceUsed
	// NonceAhead: the nonce leaves a hole that the endpoint does not accept.
	NonceAhead
	// Funds: the account cannot pay for this transaction, or for it and those that wait.
	Funds
	// Underpriced: a transaction with this nonce waits, and this one does not pay enough more.
	Underpriced
	// TooCheap: the price is below what the endpoint, or the present block, takes.
	TooCheap
	// BadGas: the gas limit is below what the transaction needs to begin, or above a block's.
	BadGas
	// Invalid: the request can never be answered as it is.
	Invalid
	// Absent: there is no such thing, or not yet.
	Absent
	// Shape: the question is too large for this endpoint; ask for less.
	Shape
	// Behind: the endpoint does not have that block or its state; another may.
	Behind
	// Fault: the endpoint does not work, or wants to be left alone. Only this counts against it.
	Fault
	// Odd: the endpoint said something that we do not know. Another is asked, nobody is blamed.
	Odd
	// Ended: whoever asked has given up.
	Ended
)

// kindNames are the words, in the order of the constants.
const kindNames = "none known reverted nonce-used nonce-ahead funds underpriced too-cheap bad-gas invalid absent shape behind fault odd ended"

// String is the kind as a word.
func (k Kind) String() string {
	names := strings.Fields(kindNames)
	if k < 0 || int(k) >= len(names) {
		return "odd"
	}
	return names[k]
}

// Deterministic reports whether every honest endpoint would say the same.
func (k Kind) Deterministic() bool { return k >= Known && k <= Invalid }

// elsewhere reports whether the next endpoint should be asked.
func (k Kind) elsewhere() bool { return k == Behind || k == Fault || k == Odd }
