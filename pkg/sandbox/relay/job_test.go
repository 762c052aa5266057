package relay

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
)

// vector is a request that the venue's own client made, with the hash that it signed.
type vector struct {
	Name   string          `json:"name"`
	Body   string          `json:"bodyJSON"`
	Digest common.Hash     `json:"digest"`
	Safe   common.Hash     `json:"safeTxDigest"`
	Hash   common.Hash     `json:"structHash"`
	Calls  json.RawMessage `json:"calls"`
}

func vectors(t testing.TB) []vector {
	t.Helper()
	b, err := os.ReadFile("../../polymarket/testdata/relayer_requests.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []vector }
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	return file.Vectors
}

// worker is the relay that a vector was signed for.
func worker(body string) common.Address {
	var s submission
	if json.Unmarshal([]byte(body), &s) != nil {
		return common.Address{}
	}
	return common.HexToAddress(s.Params.Relay)
}

// change replaces a part of a body that must be there.
func change(t *testing.T, body, old, new string) []byte {
	t.Helper()
	if !strings.Contains(body, old) {
		t.Fatalf("no %s in %s", old, body)
	}
	return []byte(strings.Replace(body, old, new, 1))
}

// Every request of the venue's own client is read, under the hash that it signed; with one byte of its signature changed, or
// sent by somebody else, it is refused. A deposit wallet that is not the registry's is refused as unknown.
func TestVenuesClientIsUnderstood(t *testing.T) {
	read := 0
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			r := NewReader(worker(v.Body))
			j, err := r.Read([]byte(v.Body))
			if strings.Contains(v.Name, "uups") {
				if !errors.Is(err, errRegistry) {
					t.Fatalf("another variant's wallet: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			read++
			want := v.Digest
			for _, h := range []common.Hash{v.Safe, v.Hash} {
				if h != (common.Hash{}) {
					want = h
				}
			}
			if create := strings.HasSuffix(j.Type, "CREATE"); create != (j.Nonce == nil) || !create && j.Key != want {
				t.Errorf("%s: key %s, want %s", j.Type, j.Key, want)
			}
			var calls []json.RawMessage
			if json.Unmarshal(v.Calls, &calls) == nil && len(calls) != len(j.Calls) {
				t.Errorf("%d calls, want %d", len(j.Calls), len(calls))
			}
			if j.Type == WalletCreate {
				return
			}
			sig := hexutil.Bytes(j.Signature)
			flipped := append(hexutil.Bytes{}, sig...)
			flipped[9] ^= 1
			other := common.HexToAddress("0x70997970C51812dc3A010C7d01b50e0d17dc79C8").Hex()
			for what, body := range map[string][]byte{
				"changed signature": change(t, v.Body, sig.String(), flipped.String()),
				"short signature":   change(t, v.Body, sig.String(), sig[:64].String()),
				"another sender":    change(t, v.Body, `"from":"`+j.Owner.Hex(), `"from":"`+other),
				"another wallet":    change(t, v.Body, j.Wallet.Hex(), other),
				"another type":      change(t, v.Body, `"type":"`+j.Type, `"type":"EOA`),
			} {
				if j, err := r.Read(body); err == nil {
					t.Errorf("%s was taken: %+v", what, j)
				}
			}
		})
	}
	if read < 8 {
		t.Errorf("only %d requests were read", read)
	}
}

// What is signed by its owner is refused all the same when the wallet would call itself, a stranger, or with anything but a call.
func TestCallsGoToTheVenuesContractsAlone(t *testing.T) {
	r := NewReader(common.Address{1})
	wallet := common.Address{2}
	for want, target := range map[string]common.Address{
		"a wallet may not call itself": wallet, "not an allowed target": {3}, "": r.at.PUSD,
	} {
		err := r.allow(&Job{Wallet: wallet, Calls: []Call{{r.at.CTF, common.Big0, nil}, {target, common.Big0, nil}}})
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), "call blocked: ") || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if err := r.allow(&Job{Wallet: wallet, Calls: []Call{{r.at.CTF, common.Big1, nil}}}); err == nil {
		t.Error("value was allowed")
	}
	record := func(operation byte, size int) []byte {
		out := append([]byte{operation}, make([]byte, 20+32+31)...)
		return append(append(out, byte(size)), 1, 2, 3)
	}
	for what, b := range map[string][]byte{"delegate call": record(1, 3), "too long": record(0, 4), "half": record(0, 3)[:50], "nothing": nil} {
		data, err := r.multiSend.Pack("multiSend", b)
		if err != nil {
			t.Fatal(err)
		}
		if calls, err := r.unpackMultiSend(r.at.MultiSend, data); err == nil {
			t.Errorf("%s in a batch was taken: %v", what, calls)
		}
	}
	good, _ := r.multiSend.Pack("multiSend", append(record(0, 3), record(0, 3)...))
	if calls, err := r.unpackMultiSend(r.at.MultiSend, good); err != nil || len(calls) != 2 || len(calls[1].Data) != 3 {
		t.Errorf("a good batch: %v, %v", calls, err)
	}
	if _, err := r.unpackMultiSend(common.Address{3}, good); err == nil {
		t.Error("a delegate call to somebody else was taken")
	}
}

// Any bytes are read or refused, never a panic, and what is taken is signed by whom it says.
func FuzzSubmission(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add([]byte(v.Body))
	}
	f.Add([]byte(`{"type":"SAFE","from":"0x"}`))
	r := NewReader(worker(vectors(f)[4].Body))
	f.Fuzz(func(t *testing.T, body []byte) {
		j, err := r.Read(body)
		if _, refused := errors.AsType[Refusal](err); err != nil && !refused {
			t.Fatalf("not a refusal: %v", err)
		}
		if err == nil && (len(j.Payload) == 0 || j.Gas == 0 || j.Type != WalletCreate && len(j.Signature) != 65) {
			t.Fatalf("%+v", j)
		}
	})
}
