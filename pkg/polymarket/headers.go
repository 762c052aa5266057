package polymarket

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"

	"github.com/ethereum/go-ethereum/crypto"
)

// Header names with underscores, sent as they stand: set them in the map, http.Header.Set would change their spelling.
const (
	headerAddress    = "POLY_ADDRESS"
	headerSignature  = "POLY_SIGNATURE"
	headerTimestamp  = "POLY_TIMESTAMP"
	headerNonce      = "POLY_NONCE"
	headerAPIKey     = "POLY_API_KEY"
	headerPassphrase = "POLY_PASSPHRASE"

	headerBuilderKey        = "POLY_BUILDER_API_KEY"
	headerBuilderPassphrase = "POLY_BUILDER_PASSPHRASE"
	headerBuilderSignature  = "POLY_BUILDER_SIGNATURE"
	headerBuilderTimestamp  = "POLY_BUILDER_TIMESTAMP"
)

// The signed statement by which an account proves itself (L1). Hashes are constants that a test recomputes.
const (
	authType        = "ClobAuth(address address,string timestamp,uint256 nonce,string message)"
	authMessage     = "This message attests that I control the given wallet"
	authDomainName  = "ClobAuthDomain"
	authTypeHash    = "\x52\x57\x8c\x5c\x72\x5a\x28\xa8\x4f\xed\xc8\xc2\x2a\xa4\x79\x47\x82\x29\x42\xf3\x5b\x4d\xc3\x50\xdb\x02\x8e\x45\x32\x0e\x03\x5c"
	domainTypeHash3 = "\xc2\xf8\x78\x71\x76\xb8\xac\x6b\xf7\x21\x5b\x4a\xdc\xc1\xe0\x69\xbf\x4a\xb8\x2d\x9a\xb1\xdf\x05\xa5\x7a\x91\xd4\x25\x93\x5b\x6e" // EIP712Domain(name,version,chainId)
)

// authDomain is the separator of the L1 statement's domain, which has no contract.
func authDomain(chainID uint64) Hash {
	var b [4 * word]byte
	copy(b[0:], domainTypeHash3)
	copy(b[1*word:], crypto.Keccak256([]byte(authDomainName)))
	copy(b[2*word:], crypto.Keccak256([]byte("1")))
	putUint(b[3*word:], chainID)
	return crypto.Keccak256Hash(b[:])
}

// authDigest is the EIP-712 digest of the L1 statement.
func authDigest(a Address, chainID uint64, tsSeconds int64, nonce uint64) Hash {
	var b [5 * word]byte
	copy(b[0:], authTypeHash)
	putAddress(b[1*word:], a)
	copy(b[2*word:], crypto.Keccak256(strconv.AppendInt(nil, tsSeconds, 10)))
	putUint(b[3*word:], nonce)
	copy(b[4*word:], crypto.Keccak256([]byte(authMessage)))
	return typedDigest(authDomain(chainID), crypto.Keccak256Hash(b[:]))
}

// L1Headers authenticate by the key itself, to create or derive API keys. tsSeconds is Unix seconds within a few seconds
// of the venue's clock; the same nonce leads to the same API key for ever.
func L1Headers(key *Key, chainID uint64, tsSeconds int64, nonce uint64) (http.Header, error) {
	sig, err := key.SignDigest(authDigest(key.Address(), chainID, tsSeconds, nonce))
	if err != nil {
		return nil, fmt.Errorf("sign authentication: %w", err)
	}
	return http.Header{
		headerAddress:   {key.Address().Hex()},
		headerSignature: {"0x" + hex.EncodeToString(sig)},
		headerTimestamp: {strconv.FormatInt(tsSeconds, 10)},
		headerNonce:     {strconv.FormatUint(nonce, 10)},
	}, nil
}

// VerifyL1 returns nil when signature (65 bytes) is a's L1 statement for the chain, time and nonce, else ErrBadSignature.
func VerifyL1(a Address, signature []byte, chainID uint64, tsSeconds int64, nonce uint64) error {
	by, err := recoverSigner(authDigest(a, chainID, tsSeconds, nonce), signature)
	if err == nil && by != a {
		err = fmt.Errorf("%w: made by %s", ErrBadSignature, by)
	}
	return err
}

// L2Headers authenticate by API key. path has a leading slash and no query; body is exactly what is sent, nil if nothing.
// address is the key's own account, for every wallet kind.
func L2Headers(c Credentials, address Address, tsSeconds int64, method, path string, body []byte) http.Header {
	ts := strconv.FormatInt(tsSeconds, 10)
	return http.Header{
		headerAddress:    {address.Hex()},
		headerSignature:  {hmacSignature(c.Secret, ts, method, path, body)},
		headerTimestamp:  {ts},
		headerAPIKey:     {c.Key},
		headerPassphrase: {c.Passphrase.Reveal()},
	}
}

// BuilderHeaders authenticate a builder at the relayer and the combos gateway. Arguments as for L2Headers.
func BuilderHeaders(c BuilderCredentials, tsSeconds int64, method, path string, body []byte) http.Header {
	ts := strconv.FormatInt(tsSeconds, 10)
	return http.Header{
		headerBuilderKey:        {c.Key},
		headerBuilderPassphrase: {c.Passphrase.Reveal()},
		headerBuilderSignature:  {hmacSignature(c.Secret, ts, method, path, body)},
		headerBuilderTimestamp:  {ts},
	}
}

func hmacSignature(secret Secret, ts, method, path string, body []byte) string {
	m := hmac.New(sha256.New, decodeSecret(secret.Reveal()))
	m.Write([]byte(ts + method + path))
	m.Write(body)
	return base64.URLEncoding.EncodeToString(m.Sum(nil))
}

// decodeSecret reads base64 as the official clients do: both alphabets, padding optional, other characters skipped, bits
// that do not fill a byte dropped.
func decodeSecret(s string) []byte {
	out := make([]byte, 0, len(s)*3/4)
	var acc, bits uint32
	for i := 0; i < len(s) && s[i] != '='; i++ {
		v, ok := sextet(s[i])
		if !ok {
			continue
		}
		acc, bits = acc<<6|v, bits+6
		if bits >= 8 {
			bits -= 8
			out = append(out, byte(acc>>bits))
		}
	}
	return out
}

func sextet(c byte) (uint32, bool) {
	switch {
	case c >= 'A' && c <= 'Z':
		return uint32(c - 'A'), true
	case c >= 'a' && c <= 'z':
		return uint32(c-'a') + 26, true
	case c >= '0' && c <= '9':
		return uint32(c-'0') + 52, true
	case c == '+' || c == '-':
		return 62, true
	case c == '/' || c == '_':
		return 63, true
	}
	return 0, false
}
