package polymarket

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sluice/pkg/money"
)

// vectors reads one vector file, from testdata or from the folder SLUICE_VECTORS names. A missing or empty file fails: a
// test that finds nothing to compare must not pass.
func vectors[T any](t testing.TB, name string) T {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(vectorFolder(os.Getenv(vectorSetting)), name))
	if err != nil {
		t.Fatalf("read vectors: %v", err)
	}
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("read vectors %s: %v", name, err)
	}
	return v
}

// vectorSetting names another folder of vectors.
const vectorSetting = "SLUICE_VECTORS"

// vectorFolder is the folder that a setting names. Tests run in their package's folder, but whoever types a relative path types
// it at the root of the repository.
func vectorFolder(setting string) string {
	switch {
	case setting == "":
		return "testdata"
	case filepath.IsAbs(setting):
		return setting
	}
	return filepath.Join("..", "..", setting)
}

func TestRelativeFolderOfVectorsIsCountedFromTheRepository(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatal(err)
	}
	for setting, want := range map[string]string{"": "testdata", "pkg/polymarket/testdata": filepath.Join(root, "pkg/polymarket/testdata"), "../other": filepath.Join(filepath.Dir(root), "other"), root: root} {
		got, err := filepath.Abs(vectorFolder(setting))
		if err != nil {
			t.Fatal(err)
		}
		if abs, err := filepath.Abs(want); err != nil || got != abs {
			t.Errorf("%q is %s, want %s, %v", setting, got, abs, err)
		}
	}
}

// some fails the test when a vector file has no rows.
func some[T any](t testing.TB, rows []T) []T {
	t.Helper()
	if len(rows) == 0 {
		t.Fatal("vector file has no rows")
	}
	return rows
}

// TestVectorsOfAnotherFolderAreCompared reads a copy of the vectors in which each file has one character of what is expected
// changed: each file's test must see it, and an untouched copy must pass.
func TestVectorsOfAnotherFolderAreCompared(t *testing.T) {
	files := map[string]struct{ changed, seenBy string }{
		"book_hash.json":         {`"expected_hash": *"[^"]*(.)"`, "TestBookHashEqualsTheOfficialClient"},
		"builder_headers.json":   {`"POLY_BUILDER_SIGNATURE": *"(.)`, "TestBuilderHeadersEqualTheOfficialSDK"},
		"calldata.json":          {`"data": *"0x[^"]*(.)"`, "TestCalldataEqualsAnotherEncoder"},
		"ctf_ids.json":           {`"positionId": *"[^"]*(.)"`, "TestTokenIDsEqualThoseOfRealMarkets"},
		"fee_adjust.json":        {`"expected": *"?(\d)`, "TestFeeHeadroomEqualsTheOfficialClient"},
		"http_requests.json":     {`"POLY_SIGNATURE": *"(.)`, "TestRequestsEqualTheOfficialClients"},
		"l1_auth.json":           {`"POLY_SIGNATURE": *"0x[^"]*(.).."`, "TestL1HeadersEqualTheOfficialClients"},
		"l2_hmac.json":           {`"POLY_SIGNATURE": *"(.)`, "TestL2HeadersEqualTheOfficialClients"},
		"market_price.json":      {`"expected": *"?0\.(\d)`, "TestMarketPriceEqualsTheOfficialClient"},
		"orders_v2.json":         {`"signature": *"0x(.)`, "TestOrdersEqualTheOfficialClients"},
		"relayer_requests.json":  {`"safeTxDigest": *"0x[^"]*(.)"`, "TestRelayerRequestsEqualTheOfficialClients"},
		"rest_samples.json":      {`"accepted": *(t)rue`, "TestSamplesClassifyAsLabelled"},
		"rounding_amounts.json":  {`"recommended": *\{\s*"makerAmount": *"?(\d)`, "TestAmountsAreTheRecommendedIntegers"},
		"wallet_derivation.json": {`"safe": *"0x[^"]*(.)"`, "TestWalletsEqualTheOfficialDerivation"},
		"ws_frames.json":         {`"bid_levels": *(\d)`, "TestSequencesLeaveTheExpectedBook"},
	}
	same, changed := t.TempDir(), t.TempDir()
	var seers []string
	known, err := filepath.Glob("testdata/*.json")
	if err != nil || len(known) != len(files) {
		t.Fatalf("%d files of vectors, %d are changed here, %v", len(known), len(files), err)
	}
	for name, f := range files {
		raw, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		at := regexp.MustCompile(f.changed).FindSubmatchIndex(raw)
		if at == nil {
			t.Fatalf("%s has nothing like %s", name, f.changed)
		}
		other := append([]byte(nil), raw...)
		switch c := raw[at[2]]; c {
		case 't':
			other = []byte(string(raw[:at[2]]) + "false" + string(raw[at[2]+len("true"):]))
		case '1':
			other[at[2]] = '2'
		default:
			other[at[2]] = '1'
		}
		for folder, content := range map[string][]byte{same: raw, changed: other} {
			if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		seers = append(seers, f.seenBy)
	}
	read := func(folder string) string {
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run", "^("+strings.Join(seers, "|")+")$")
		c.Env = append(os.Environ(), vectorSetting+"="+folder)
		out, _ := c.CombinedOutput() // which tests fail is what is looked at
		return string(out)
	}
	untouched, touched := read(same), read(changed)
	for name, f := range files {
		if !strings.Contains(untouched, "--- PASS: "+f.seenBy+" ") {
			t.Errorf("%s did not pass with a copy of %s:\n%s", f.seenBy, name, untouched)
		}
		if !strings.Contains(touched, "--- FAIL: "+f.seenBy+" ") {
			t.Errorf("%s did not see what was changed in %s", f.seenBy, name)
		}
	}
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
