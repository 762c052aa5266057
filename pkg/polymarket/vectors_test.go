package polymarket

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/pkg/money"
)

// vectors reads one vector file, from testdata or from the folder SLUICE_VECTORS names. A missing or empty file fails: a
// test that finds nothing to compare must not pass.
func vectors[T any](t testing.TB, name string) T {
	t.Helper()
	dir := os.Getenv("SLUICE_VECTORS")
	if dir == "" {
		dir = "testdata"
	}
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatalf("read vectors: %v", err)
	}
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("read vectors %s: %v", name, err)
	}
	return v
}

// some fails the test when a vector file has no rows.
func some[T any](t testing.TB, rows []T) []T {
	t.Helper()
	if len(rows) == 0 {
		t.Fatal("vector file has no rows")
	}
	return rows
}

type jsonCreds struct{ Key, Secret, Passphrase string }

func (c jsonCreds) creds() Credentials {
	return Credentials{Key: c.Key, Secret: Secret(c.Secret), Passphrase: Secret(c.Passphrase)}
}

func mustKey(t testing.TB, s string) *Key {
	t.Helper()
	k, err := ParseKey(s)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func mustAddress(t testing.TB, s string) Address {
	t.Helper()
	a, err := ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func mustHash(t testing.TB, s string) Hash {
	t.Helper()
	h, err := ParseHash(s)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func mustToken(t testing.TB, s string) TokenID {
	t.Helper()
	id, err := ParseTokenID(s)
	if err != nil {
		t.Fatal(err)
	}
	if id.String() != s {
		t.Fatalf("token %s came back as %s", s, id)
	}
	return id
}

func mustMicro[T money.Micro](t testing.TB, s string) T {
	t.Helper()
	v, err := money.Parse[T](s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return v
}

func sameHeaders(t testing.TB, what string, got http.Header, want map[string]string) {
	t.Helper()
	for k, v := range want {
		if len(got[k]) != 1 || got[k][0] != v {
			t.Errorf("%s: header %s = %q, want %q", what, k, got[k], v)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: headers %v, want %v", what, got, want)
	}
}

func hex0x(b []byte) string { return "0x" + hex.EncodeToString(b) }

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.TrimPrefix(s, "0x"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func bodyBytes(s *string) []byte {
	if s == nil {
		return nil
	}
	return []byte(*s)
}
