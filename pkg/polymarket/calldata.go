package polymarket

import (
	"bytes"
	"errors"
	"fmt"
)

// Method is a contract's function with its arguments: one of the types of this package that have these two methods. Switch on
// the type to read what a call does; the contract it is sent to stands in Call.To.
type Method interface {
	// Signature is the function as contracts name it, "approve(address,uint256)".
	Signature() string
	// Calldata is selector and arguments in the only spelling that DecodeCalldata reads.
	Calldata() []byte
}

// MaxCalldata bounds what is read and written: nodes refuse transactions above 128 KiB.
const MaxCalldata = 128 << 10

// Why calldata is not read.
var (
	ErrUnknownSelector = errors.New("unknown function")
	ErrBadCalldata     = errors.New("bad calldata")
)

// The first four bytes of the hash of each signature; a test recomputes them.
const (
	selApprove           = "\x09\x5e\xa7\xb3"
	selSetApprovalForAll = "\xa2\x2c\xb4\x65"
	selTransfer          = "\xa9\x05\x9c\xbb"
	selSafeTransfer      = "\xf2\x42\x43\x2a"
	selSafeBatchTransfer = "\x2e\xb2\xc2\xd6"
	selBalanceOf         = "\x70\xa0\x82\x31"
	selAllowance         = "\xdd\x62\xed\x3e"
	selTokenBalance      = "\x00\xfd\xd5\x8e"
	selTokenBalances     = "\x4e\x12\x73\xf4"
	selIsApprovedForAll  = "\xe9\x85\xe9\xc5"

	selSplit            = "\x72\xce\x42\x75"
	selMerge            = "\x9e\x72\x12\xad"
	selRedeem           = "\x01\xb7\x03\x7c"
	selNegRiskSplit     = "\xa3\xd7\xda\x1d"
	selNegRiskMerge     = "\xb1\x0c\x5c\x17"
	selNegRiskRedeem    = "\xdb\xec\xcb\x23"
	selConvert          = "\xc6\x47\x48\xc4"
	selWrap             = "\x62\x35\x56\x38"
	selUnwrap           = "\x8c\xc7\x10\x4f"
	selRouterSplit      = "\x82\xd3\xb9\xf1"
	selRouterMerge      = "\x5b\x63\x68\x5e"
	selRouterRedeem     = "\xd2\x17\xa3\xcc"
	selPrepareCondition = "\x09\x7d\xd1\x64"

	selCreateProxy     = "\xa1\x88\x4d\x2c"
	selMultiSend       = "\x8d\x80\xff\x0a"
	selExecTransaction = "\x6a\x76\x12\x02"
	selNonce           = "\xaf\xfe\xd0\xe0"
	selRelayCall       = "\x40\x5c\xec\x67"
	selHubNonce        = "\x2d\x03\x35\xab"
	selProxy           = "\x34\xee\x97\x91"
	selDepositProxy    = "\x0a\x3c\x44\x05"
)

const selectorLen = 4

// DecodeCalldata reads calldata back. It takes only what Calldata of the same value would write, to the byte: no offset that
// points elsewhere, no bytes behind the end, no dirt in the upper bytes of an address. What passes is therefore what a
// contract will read. Errors: ErrUnknownSelector, ErrBadCalldata.
func DecodeCalldata(data []byte) (Method, error) {
	if len(data) < selectorLen || len(data) > MaxCalldata {
		return nil, fmt.Errorf("%w: %d bytes, want %d to %d", ErrBadCalldata, len(data), selectorLen, MaxCalldata)
	}
	selector, args := string(data[:selectorLen]), data[selectorLen:]
	m, ok := readTokenMethod(selector, args)
	if !ok {
		m, ok = readMarketMethod(selector, args)
	}
	if !ok {
		m, ok = readWalletMethod(selector, args)
	}
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: selector 0x%x", ErrUnknownSelector, data[:selectorLen])
	case m == nil || !bytes.Equal(m.Calldata(), data):
		return nil, fmt.Errorf("%w: selector 0x%x, arguments are not spelled as contracts' tools do", ErrBadCalldata, data[:selectorLen])
	}
	return m, nil
}

// taken is the method read by in, nil when that failed.
func taken[M Method](in *abiReader, m M) Method {
	if !in.done() {
		return nil
	}
	return m
}
