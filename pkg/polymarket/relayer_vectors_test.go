package polymarket

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
)

// allowAll is a policy for tests about bytes.
func allowAll(Address, Leg) error { return nil }

// relayerVector is one request of the official client.
type relayerVector struct {
	Name         string
	Calls        []struct{ To, Data string }
	Nonce        string
	Metadata     string
	SafeTxDigest string
	StructHash   string
	Digest       string
	Request      struct {
		Type, To, ProxyWallet, Nonce, Metadata, Signature, Data string
		SignatureParams                                         struct{ GasLimit, Relay, Operation string }
		DepositWalletParams                                     struct {
			DepositWallet, Deadline string
			Calls                   []struct{ Target, Value, Data string }
		}
	}
	BodyJSON      string
	SubmitHeaders map[string]string `json:"submit_headers"`
}

func (v relayerVector) calls(t *testing.T) []Call {
	var out []Call
	for _, k := range v.Calls {
		out = append(out, Call{To: mustAddress(t, k.To), Data: unhex(t, k.Data)})
	}
	for _, k := range v.Request.DepositWalletParams.Calls {
		value, err := strconv.ParseInt(k.Value, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, Call{To: mustAddress(t, k.Target), Value: Units(value), Data: unhex(t, k.Data)})
	}
	return out
}

func decimal(t *testing.T, s string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestRelayerRequestsEqualTheOfficialClients makes every request of the vectors from its calls and nonce: digest, signature,
// body and headers must be the same bytes.
func TestRelayerRequestsEqualTheOfficialClients(t *testing.T) {
	f := vectors[struct {
		PrivateKey    string `json:"private_key"`
		Address       string
		BuilderSecret string `json:"builder_secret"`
		Vectors       []relayerVector
	}](t, "relayer_requests.json")
	key := mustKey(t, f.PrivateKey)
	if key.Address().Hex() != f.Address {
		t.Fatalf("address %s, want %s", key.Address(), f.Address)
	}
	seen := map[RelayerType]int{}
	for _, v := range some(t, f.Vectors) {
		request, digest := makeRequest(t, key, v)
		seen[request.Type]++
		if want := v.SafeTxDigest + v.StructHash + v.Digest; digest != want {
			t.Errorf("%s: digest %s, want %s", v.Name, digest, want)
		}
		if string(request.Body) != v.BodyJSON {
			t.Errorf("%s: body\n%s\nwant\n%s", v.Name, request.Body, v.BodyJSON)
		}
		if got := strings.TrimPrefix(hex0x(request.Signature), "0x"); got != strings.TrimPrefix(v.Request.Signature, "0x") || request.From != key.Address() {
			t.Errorf("%s: signature %s of %s, want %s", v.Name, got, request.From, v.Request.Signature)
		}
		builder := BuilderCredentials{Key: v.SubmitHeaders[headerBuilderKey], Secret: Secret(f.BuilderSecret), Passphrase: Secret(v.SubmitHeaders[headerBuilderPassphrase])}
		at := int64(decimal(t, v.SubmitHeaders[headerBuilderTimestamp]))
		sameHeaders(t, v.Name, builder.relayerHeaders(at, "POST", "/submit", request.Body), v.SubmitHeaders)
	}
	for _, want := range []RelayerType{RelaySafe, RelaySafeCreate, RelayProxy, RelayWallet, RelayWalletCreate} {
		if seen[want] == 0 {
			t.Errorf("no vector of type %s", want)
		}
	}
}

// makeRequest makes a vector's request; the digest is "" for what is not signed.
func makeRequest(t *testing.T, key *Key, v relayerVector) (r RelayerRequest, digest string) {
	t.Helper()
	contracts, err := ContractsOn(Polygon)
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
	}
	switch RelayerType(v.Request.Type) {
	case RelaySafe:
		bundle, err := contracts.Bundle(v.calls(t))
		must(err)
		s, err := SignSafeTx(key, SafeTx{Polygon, contracts.SafeWallet(key.Address()), bundle, decimal(t, v.Nonce)}, allowAll)
		must(err)
		r, err = s.Request(v.Metadata)
		must(err)
		return r, s.Hash().Hex()
	case RelaySafeCreate:
		s, err := SignSafeCreate(key, Polygon)
		must(err)
		r, err = s.Request()
		must(err)
		return r, contracts.SafeCreateHash(Polygon).Hex()
	case RelayProxy:
		p := v.Request.SignatureParams
		s, err := SignProxyTx(key, ProxyTx{Polygon, key.Address(), v.calls(t), decimal(t, v.Request.Nonce), p.Relay, decimal(t, p.GasLimit)}, allowAll)
		must(err)
		r, err = s.Request(v.Request.Metadata)
		must(err)
		h, err := s.Hash()
		must(err)
		return r, h.Hex()
	case RelayWallet:
		p := v.Request.DepositWalletParams
		s, err := SignWalletBatch(key, WalletBatch{Polygon, mustAddress(t, p.DepositWallet), decimal(t, v.Request.Nonce), decimal(t, p.Deadline), v.calls(t)}, allowAll)
		must(err)
		r, err = s.Request(v.Request.Metadata)
		must(err)
		return r, s.Hash().Hex()
	case RelayWalletCreate:
		r, err = WalletCreate(Polygon, key.Address())
		must(err)
		return r, ""
	}
	t.Fatalf("%s: type %s", v.Name, v.Request.Type)
	return r, ""
}

// TestMetadataIsWrittenAsJavaScriptDoes compares with what the venue's client makes of odd texts.
func TestMetadataIsWrittenAsJavaScriptDoes(t *testing.T) {
	for text, want := range map[string]string{
		`a"b\c`:              `"a\"b\\c"`,
		"<&>é\u2028\x7f":     "\"<&>é\u2028\x7f\"",
		"\b\f\n\r\t\x00\x1f": `"\b\f\n\r\t\u0000\u001f"`,
		"":                   `""`,
	} {
		r, err := withMetadata(RelayerRequest{Body: []byte(`{"x":1`)}, text)
		if err != nil || string(r.Body) != `{"x":1,"metadata":`+want+`}` {
			t.Errorf("%q: %s, %v", text, r.Body, err)
		}
		var back struct{ Metadata string }
		if err := json.Unmarshal(r.Body, &back); err != nil || back.Metadata != text {
			t.Errorf("%q came back as %q, %v", text, back.Metadata, err)
		}
	}
	for _, bad := range []string{strings.Repeat("é", MaxMetadata+1), "\xff"} {
		if _, err := withMetadata(RelayerRequest{}, bad); err == nil {
			t.Errorf("%.20q was taken", bad)
		}
	}
}
