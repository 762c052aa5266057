package polymarket

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// RelayerType is the kind of a relayer request.
type RelayerType string

// The relayer's request types.
const (
	RelaySafe         RelayerType = "SAFE"
	RelaySafeCreate   RelayerType = "SAFE-CREATE"
	RelayProxy        RelayerType = "PROXY"
	RelayWallet       RelayerType = "WALLET"
	RelayWalletCreate RelayerType = "WALLET-CREATE"
)

// MaxMetadata is the most characters of free text that the relayer takes.
const MaxMetadata = 500

// RelayerRequest is a body for POST /submit, byte for byte as the venue's client writes it.
type RelayerRequest struct {
	Type      RelayerType
	From      Address // the owner
	Signature []byte  // by which it is found in the relayer's list; WALLET-CREATE has none
	Body      []byte
}

// Request is the relayer's form of t. metadata is free text that the relayer keeps. Errors: ErrBadTransaction for a value, which
// this form cannot carry, and for more than MaxMetadata characters.
func (t SignedSafeTx) Request(metadata string) (RelayerRequest, error) {
	if !t.Call.Value.IsZero() {
		return RelayerRequest{}, fmt.Errorf("%w: the relayer carries no value, %s wei given", ErrBadTransaction, t.Call.Value.Dec())
	}
	b := requestHead(t.Owner, t.Call.To, t.Safe, t.Call.Data)
	b = appendField(b, "nonce", strconv.FormatUint(t.Nonce, 10))
	b = appendField(b, "signature", "0x"+hex.EncodeToString(t.Signature))
	b = append(b, `,"signatureParams":{"gasPrice":"0"`...)
	b = appendField(b, "operation", strconv.Itoa(int(t.Call.Operation)))
	b = append(b, `,"safeTxnGas":"0","baseGas":"0"`...)
	b = appendField(b, "gasToken", Address{}.Hex())
	b = appendField(b, "refundReceiver", Address{}.Hex())
	b = append(b, '}')
	return withMetadata(RelayerRequest{Type: RelaySafe, From: t.Owner, Signature: t.Signature, Body: appendField(b, "type", string(RelaySafe))}, metadata)
}

// Request is the relayer's form of s. Errors: ErrBadTransaction for a chain without Safes.
func (s SafeCreate) Request() (RelayerRequest, error) {
	contracts, err := ContractsOn(s.ChainID)
	if err != nil {
		return RelayerRequest{}, err
	}
	b := requestHead(s.Owner, contracts.SafeFactory, s.Safe, nil)
	b = appendField(b, "signature", "0x"+hex.EncodeToString(s.Signature))
	b = append(b, `,"signatureParams":{"paymentToken":"`+Address{}.Hex()+`","payment":"0"`...)
	b = appendField(b, "paymentReceiver", Address{}.Hex())
	b = append(b, '}')
	b = appendField(b, "type", string(RelaySafeCreate))
	return RelayerRequest{Type: RelaySafeCreate, From: s.Owner, Signature: s.Signature, Body: append(b, '}')}, nil
}

// Request is the relayer's form of t; metadata as for a Safe.
func (t SignedProxyTx) Request(metadata string) (RelayerRequest, error) {
	contracts, err := ContractsOn(t.ChainID)
	if err != nil {
		return RelayerRequest{}, err
	}
	b := requestHead(t.Owner, contracts.ProxyFactory, t.Wallet, t.Data)
	b = appendField(b, "nonce", strconv.FormatUint(t.Nonce, 10))
	b = appendField(b, "signature", "0x"+hex.EncodeToString(t.Signature))
	b = append(b, `,"signatureParams":{"gasPrice":"0"`...)
	b = appendField(b, "gasLimit", strconv.FormatUint(t.gasLimit(), 10))
	b = append(b, `,"relayerFee":"0"`...)
	b = appendField(b, "relayHub", contracts.RelayHub.Hex())
	b = appendField(b, "relay", t.Relay)
	b = append(b, '}')
	return withMetadata(RelayerRequest{Type: RelayProxy, From: t.Owner, Signature: t.Signature, Body: appendField(b, "type", string(RelayProxy))}, metadata)
}

// Request is the relayer's form of b. The venue's relayer client sends no metadata with a batch, so an empty one is left out.
func (b SignedWalletBatch) Request(metadata string) (RelayerRequest, error) {
	contracts, err := ContractsOn(b.ChainID)
	if err != nil {
		return RelayerRequest{}, err
	}
	out := append([]byte(nil), `{"type":"`+string(RelayWallet)+`"`...)
	out = appendField(out, "from", b.Owner.Hex())
	out = appendField(out, "to", contracts.DepositFactory.Hex())
	out = appendField(out, "nonce", strconv.FormatUint(b.Nonce, 10))
	out = appendField(out, "signature", "0x"+hex.EncodeToString(b.Signature))
	out = append(out, `,"depositWalletParams":{"depositWallet":"`+b.Wallet.Hex()+`"`...)
	out = appendField(out, "deadline", strconv.FormatUint(b.Deadline, 10))
	out = append(out, `,"calls":[`...)
	for i, k := range b.Calls {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, `{"target":"`+k.To.Hex()+`","value":"`+k.Value.Dec()+`"`...)
		out = append(appendField(out, "data", "0x"+hex.EncodeToString(k.Data)), '}')
	}
	out = append(out, `]}`...)
	r := RelayerRequest{Type: RelayWallet, From: b.Owner, Signature: b.Signature, Body: out}
	if metadata == "" {
		r.Body = append(r.Body, '}')
		return r, nil
	}
	return withMetadata(r, metadata)
}

// WalletCreate asks for owner's deposit wallet; it is not signed. Errors: an unknown chain.
func WalletCreate(chainID uint64, owner Address) (RelayerRequest, error) {
	contracts, err := ContractsOn(chainID)
	if err != nil {
		return RelayerRequest{}, err
	}
	b := append([]byte(nil), `{"type":"`+string(RelayWalletCreate)+`"`...)
	b = appendField(b, "from", owner.Hex())
	b = appendField(b, "to", contracts.DepositFactory.Hex())
	return RelayerRequest{Type: RelayWalletCreate, From: owner, Body: append(b, '}')}, nil
}

func requestHead(from, to, wallet Address, data []byte) []byte {
	b := append([]byte(nil), `{"from":"`+from.Hex()+`"`...)
	b = appendField(b, "to", to.Hex())
	b = appendField(b, "proxyWallet", wallet.Hex())
	return appendField(b, "data", "0x"+hex.EncodeToString(data))
}

func appendField(b []byte, name, text string) []byte {
	return appendText(append(b, `,"`+name+`":`...), text)
}

func withMetadata(r RelayerRequest, metadata string) (RelayerRequest, error) {
	if n := utf8.RuneCountInString(metadata); n > MaxMetadata || !utf8.ValidString(metadata) {
		return RelayerRequest{}, fmt.Errorf("%w: metadata of %d characters, at most %d of UTF-8", ErrBadTransaction, n, MaxMetadata)
	}
	r.Body = append(append(r.Body, `,"metadata":"`...), escape(metadata)...)
	r.Body = append(r.Body, `"}`...)
	return r, nil
}

// escape is valid text inside a JSON string as the venue's client writes it: what need not be escaped is not.
func escape(s string) []byte {
	var b []byte
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', byte(c))
		case c < ' ':
			b = append(b, control(c)...)
		default:
			b = utf8.AppendRune(b, c)
		}
	}
	return b
}

func control(c rune) string {
	if i := strings.IndexRune("\b\f\n\r\t", c); i >= 0 {
		return `\` + "bfnrt"[i:i+1]
	}
	return fmt.Sprintf(`\u%04x`, c)
}
