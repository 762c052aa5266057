package polymarket

import (
	"fmt"

	"github.com/holiman/uint256"
)

// MaxAllowance is the amount that approves without an end, 2^256-1.
func MaxAllowance() uint256.Int { return *new(uint256.Int).SetAllOne() }

// Units is an amount of base units (10^-6) as contracts take it; a negative one panics, as our own arithmetic forbids it.
func Units(micro int64) uint256.Int {
	if micro < 0 {
		panic(fmt.Sprintf("amount of %d base units for a contract, want 0 or more", micro))
	}
	return *uint256.NewInt(uint64(micro))
}

// ApproveERC20 lets Spender take up to Amount of the token it is sent to.
type ApproveERC20 struct {
	Spender Address
	Amount  uint256.Int
}

// ApproveAll lets Operator move every position of the ERC-1155 contract it is sent to, or ends that.
type ApproveAll struct {
	Operator Address
	Approved bool
}

// TransferERC20 sends Amount of the token it is sent to.
type TransferERC20 struct {
	To     Address
	Amount uint256.Int
}

// TransferToken sends an amount of one position (ERC-1155 safeTransferFrom). A receiver that is a contract is called with
// Data.
type TransferToken struct {
	From, To Address
	ID       TokenID
	Amount   uint256.Int
	Data     []byte
}

// TransferTokens sends several positions at once (safeBatchTransferFrom); IDs and Amounts are equally long.
type TransferTokens struct {
	From, To Address
	IDs      []TokenID
	Amounts  []uint256.Int
	Data     []byte
}

// BalanceOf asks an ERC-20 token. The answer is read by ReadUint.
type BalanceOf struct{ Owner Address }

// AllowanceOf asks an ERC-20 token how much Spender may take. The answer is read by ReadUint.
type AllowanceOf struct{ Owner, Spender Address }

// TokenBalance asks an ERC-1155 contract for one position. The answer is read by ReadUint.
type TokenBalance struct {
	Owner Address
	ID    TokenID
}

// TokenBalances asks for several positions; Owners and IDs are equally long. The answer is read by ReadUints.
type TokenBalances struct {
	Owners []Address
	IDs    []TokenID
}

// ApprovedForAll asks whether Operator may move Owner's positions. The answer is read by ReadBool.
type ApprovedForAll struct{ Owner, Operator Address }

// Signature names the function.
func (ApproveERC20) Signature() string { return "approve(address,uint256)" }

// Signature names the function.
func (ApproveAll) Signature() string { return "setApprovalForAll(address,bool)" }

// Signature names the function.
func (TransferERC20) Signature() string { return "transfer(address,uint256)" }

// Signature names the function.
func (TransferToken) Signature() string {
	return "safeTransferFrom(address,address,uint256,uint256,bytes)"
}

// Signature names the function.
func (TransferTokens) Signature() string {
	return "safeBatchTransferFrom(address,address,uint256[],uint256[],bytes)"
}

// Signature names the function.
func (BalanceOf) Signature() string { return "balanceOf(address)" }

// Signature names the function.
func (AllowanceOf) Signature() string { return "allowance(address,address)" }

// Signature names the function.
func (TokenBalance) Signature() string { return "balanceOf(address,uint256)" }

// Signature names the function.
func (TokenBalances) Signature() string { return "balanceOfBatch(address[],uint256[])" }

// Signature names the function.
func (ApprovedForAll) Signature() string { return "isApprovedForAll(address,address)" }

// Calldata encodes the call.
func (m ApproveERC20) Calldata() []byte { return addressAndUint(selApprove, m.Spender, m.Amount) }

// Calldata encodes the call.
func (m ApproveAll) Calldata() []byte {
	w := newArgs(2)
	w.address(m.Operator)
	w.bool(m.Approved)
	return w.call(selSetApprovalForAll)
}

// Calldata encodes the call.
func (m TransferERC20) Calldata() []byte { return addressAndUint(selTransfer, m.To, m.Amount) }

// Calldata encodes the call.
func (m TransferToken) Calldata() []byte {
	w := newArgs(5)
	w.address(m.From)
	w.address(m.To)
	w.word(m.ID)
	w.uint(m.Amount)
	w.blob(m.Data)
	return w.call(selSafeTransfer)
}

// Calldata encodes the call.
func (m TransferTokens) Calldata() []byte {
	w := newArgs(5)
	w.address(m.From)
	w.address(m.To)
	w.uints(numbers(m.IDs))
	w.uints(m.Amounts)
	w.blob(m.Data)
	return w.call(selSafeBatchTransfer)
}

// Calldata encodes the call.
func (m BalanceOf) Calldata() []byte {
	w := newArgs(1)
	w.address(m.Owner)
	return w.call(selBalanceOf)
}

// Calldata encodes the call.
func (m AllowanceOf) Calldata() []byte { return twoAddresses(selAllowance, m.Owner, m.Spender) }

// Calldata encodes the call.
func (m TokenBalance) Calldata() []byte {
	return addressAndUint(selTokenBalance, m.Owner, m.ID.number())
}

// Calldata encodes the call.
func (m TokenBalances) Calldata() []byte {
	owners := make([]uint256.Int, len(m.Owners))
	for i, a := range m.Owners {
		owners[i].SetBytes(a[:])
	}
	w := newArgs(2)
	w.uints(owners)
	w.uints(numbers(m.IDs))
	return w.call(selTokenBalances)
}

// Calldata encodes the call.
func (m ApprovedForAll) Calldata() []byte {
	return twoAddresses(selIsApprovedForAll, m.Owner, m.Operator)
}

func addressAndUint(selector string, a Address, v uint256.Int) []byte {
	w := newArgs(2)
	w.address(a)
	w.uint(v)
	return w.call(selector)
}

func twoAddresses(selector string, a, b Address) []byte {
	w := newArgs(2)
	w.address(a)
	w.address(b)
	return w.call(selector)
}

func (t TokenID) number() uint256.Int { return *new(uint256.Int).SetBytes32(t[:]) }

func numbers(ids []TokenID) []uint256.Int {
	out := make([]uint256.Int, len(ids))
	for i, id := range ids {
		out[i] = id.number()
	}
	return out
}

func tokenIDs(vs []uint256.Int) []TokenID {
	out := make([]TokenID, len(vs))
	for i, v := range vs {
		out[i] = v.Bytes32()
	}
	return out
}

// readTokenMethod reads the functions of tokens; known is false for other selectors, the method nil when it is not spelled
// right.
func readTokenMethod(selector string, b []byte) (m Method, known bool) {
	two := readArgs(b, 2)
	switch selector {
	case selApprove:
		return taken(two, ApproveERC20{two.address(), two.uint()}), true
	case selSetApprovalForAll:
		return taken(two, ApproveAll{two.address(), two.bool()}), true
	case selTransfer:
		return taken(two, TransferERC20{two.address(), two.uint()}), true
	case selBalanceOf:
		one := readArgs(b, 1)
		return taken(one, BalanceOf{one.address()}), true
	case selAllowance:
		return taken(two, AllowanceOf{two.address(), two.address()}), true
	case selTokenBalance:
		return taken(two, TokenBalance{two.address(), two.word()}), true
	case selIsApprovedForAll:
		return taken(two, ApprovedForAll{two.address(), two.address()}), true
	case selTokenBalances:
		return readTokenBalances(two), true
	case selSafeTransfer:
		in := readArgs(b, 5)
		return taken(in, TransferToken{in.address(), in.address(), in.word(), in.uint(), in.blob()}), true
	case selSafeBatchTransfer:
		in := readArgs(b, 5)
		t := TransferTokens{in.address(), in.address(), tokenIDs(in.uints()), in.uints(), in.blob()}
		if len(t.IDs) != len(t.Amounts) {
			return nil, true
		}
		return taken(in, t), true
	}
	return nil, false
}

func readTokenBalances(in *abiReader) Method {
	var m TokenBalances
	for _, o := range in.uints() {
		if o.BitLen() > 8*len(Address{}) {
			return nil
		}
		b := o.Bytes20()
		m.Owners = append(m.Owners, b)
	}
	m.IDs = tokenIDs(in.uints())
	if len(m.Owners) != len(m.IDs) {
		return nil
	}
	return taken(in, m)
}

// ReadUint reads what a function that answers with one number gives back.
func ReadUint(answer []byte) (uint256.Int, error) {
	in := readArgs(answer, 1)
	v := in.uint()
	if !in.done() {
		return uint256.Int{}, fmt.Errorf("%w: answer of %d bytes, want one number (a contract that is not there answers with nothing)", ErrBadCalldata, len(answer))
	}
	return v, nil
}

// ReadBool reads what a function that answers with yes or no gives back.
func ReadBool(answer []byte) (bool, error) {
	in := readArgs(answer, 1)
	v := in.bool()
	if !in.done() {
		return false, fmt.Errorf("%w: answer of %d bytes, want yes or no (a contract that is not there answers with nothing)", ErrBadCalldata, len(answer))
	}
	return v, nil
}

// ReadUints reads what a function that answers with an array of numbers gives back.
func ReadUints(answer []byte) ([]uint256.Int, error) {
	in := readArgs(answer, 1)
	v := in.uints()
	if !in.done() {
		return nil, fmt.Errorf("%w: answer of %d bytes, want a list of numbers", ErrBadCalldata, len(answer))
	}
	return v, nil
}
