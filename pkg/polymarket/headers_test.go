package polymarket

import (
	"errors"
	"testing"
)

func TestL1HeadersEqualTheOfficialClients(t *testing.T) {
	f := vectors[struct {
		PrivateKey string `json:"private_key"`
		Address    string
		Vectors    []struct {
			ChainID   uint64
			Timestamp int64
			Nonce     uint64
			Digest    string
			Domain    string `json:"domainSeparator"`
			Headers   map[string]string
		}
	}](t, "l1_auth.json")
	key := mustKey(t, f.PrivateKey)
	if key.Address().Hex() != f.Address {
		t.Fatalf("address %s, want %s", key.Address(), f.Address)
	}
	for _, v := range some(t, f.Vectors) {
		if got := authDomain(v.ChainID); got.Hex() != v.Domain {
			t.Errorf("separator %s, want %s", got, v.Domain)
		}
		if got := authDigest(key.Address(), v.ChainID, v.Timestamp, v.Nonce); got.Hex() != v.Digest {
			t.Errorf("digest %s, want %s", got, v.Digest)
		}
		h, err := L1Headers(key, v.ChainID, v.Timestamp, v.Nonce)
		if err != nil {
			t.Fatal(err)
		}
		sameHeaders(t, "l1", h, v.Headers)
		sig := unhex(t, v.Headers[headerSignature])
		if err := VerifyL1(key.Address(), sig, v.ChainID, v.Timestamp, v.Nonce); err != nil {
			t.Errorf("verify: %v", err)
		}
		if err := VerifyL1(key.Address(), sig, v.ChainID, v.Timestamp+1, v.Nonce); !errors.Is(err, ErrBadSignature) {
			t.Errorf("another second passed: %v", err)
		}
	}
}

func TestL2HeadersEqualTheOfficialClients(t *testing.T) {
	f := vectors[struct {
		Address string
		Vectors []struct {
			Secret    string
			Timestamp int64
			Method    string
			Path      string
			Body      *string
			Headers   map[string]string
		}
	}](t, "l2_hmac.json")
	a := mustAddress(t, f.Address)
	for _, v := range some(t, f.Vectors) {
		c := Credentials{Key: v.Headers[headerAPIKey], Secret: Secret(v.Secret), Passphrase: Secret(v.Headers[headerPassphrase])}
		sameHeaders(t, v.Method+v.Path, L2Headers(c, a, v.Timestamp, v.Method, v.Path, bodyBytes(v.Body)), v.Headers)
	}
}

func TestBuilderHeadersEqualTheOfficialSDK(t *testing.T) {
	f := vectors[struct {
		Vectors []struct {
			Secret    string
			Timestamp int64
			Method    string
			Path      string
			Body      *string
			Headers   map[string]string
		}
	}](t, "builder_headers.json")
	for _, v := range some(t, f.Vectors) {
		c := BuilderCredentials{Key: v.Headers[headerBuilderKey], Secret: Secret(v.Secret), Passphrase: Secret(v.Headers[headerBuilderPassphrase])}
		sameHeaders(t, v.Method+v.Path, BuilderHeaders(c, v.Timestamp, v.Method, v.Path, bodyBytes(v.Body)), v.Headers)
	}
}
