package catalogue

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func load(t *testing.T, files ...string) *Catalogue {
	t.Helper()
	c, err := Load(files...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func written(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "limits.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestBadFileIsRefusedWithLineAndReason loads files with one mistake each and wants its line and a reason that names it.
func TestBadFileIsRefusedWithLineAndReason(t *testing.T) {
	head := "profiles:\n- name: mine\n  date: 2026-11-01\n  source: test\n  api: clob\n  tier: A\n  tiers: [A, B]\n  rules:\n"
	for name, c := range map[string]struct {
		text, reason string
		line         int
	}{
		"unknown field":             {head + "  - {name: a, scope: ip, fro: [x], layers: [{n: 1, per: 1s}]}\n", "fro", 9},
		"negative window":           {head + "  - {name: a, scope: ip, for: [GET /x], layers: [{n: -4, per: 1s}]}\n", "-4", 9},
		"negative span":             {head + "  - {name: a, scope: ip, for: [GET /x], layers: [{n: 4, per: -1s}]}\n", "-1s", 9},
		"cost over burst":           {head + "  - name: a\n    scope: ip\n    charges:\n    - {to: GET /x, item: 10}\n    layers:\n    - {rate: 5, burst: 9}\n", "never pay", 14},
		"cost over window":          {head + "  - {name: a, scope: ip, charges: [{to: GET /x, request: 3}], layers: [{n: 2, per: 1s}]}\n", "never pay", 9},
		"no such scope":             {head + "  - {name: a, scope: moon, for: [GET /x], layers: [{n: 1, per: 1s}]}\n", "moon", 9},
		"no such class":             {head + "  - {name: a, scope: ip, class: vip, for: [GET /x], layers: [{n: 1, per: 1s}]}\n", "vip", 9},
		"two kinds at once":         {head + "  - {name: a, scope: ip, for: [GET /x], layers: [{n: 1, per: 1s, rate: 3}]}\n", "exactly one", 9},
		"same layer twice":          {head + "  - {name: a, scope: ip, for: [GET /x], layers: [{n: 1, per: 1s}, {n: 2, per: 1s}]}\n", "twice", 9},
		"window without span":       {head + "  - {name: a, scope: ip, for: [GET /x], layers: [{n: 1}]}\n", "span", 9},
		"bucket without burst":      {head + "  - {name: a, scope: ip, for: [GET /x], layers: [{rate: 1}]}\n", "burst", 9},
		"quota of an hour":          {head + "  - {name: a, scope: ip, for: [GET /x], layers: [{quota: 100, per: 1h}]}\n", "by the day", 9},
		"unknown tier":              {head + "  - {name: a, scope: ip, for: [GET /x], tiers: [{tier: A, layers: [{none: true}]}, {tier: C, layers: [{none: true}]}]}\n", `"C"`, 9},
		"missing tier":              {head + "  - {name: a, scope: ip, for: [GET /x], tiers: [{tier: A, layers: [{none: true}]}]}\n", "1 of the 2", 9},
		"rule for nothing":          {head + "  - {name: a, scope: ip, layers: [{n: 1, per: 1s}]}\n", "for nothing", 9},
		"no endpoint":               {head + "  - {name: a, scope: ip, for: [one two three four], layers: [{n: 1, per: 1s}]}\n", "no endpoint", 9},
		"endpoint of no api":        {"profiles:\n- {name: mine, date: 2026-11-01, source: s, rules: [{name: a, scope: ip, for: [GET /x], layers: [{n: 1, per: 1s}]}]}\n", "has no api", 2},
		"free charge":               {head + "  - {name: a, scope: ip, charges: [{to: GET /x}], layers: [{n: 1, per: 1s}]}\n", "above zero", 9},
		"rule twice":                {head + "  - {name: a, scope: ip, for: [GET /x], layers: [{n: 1, per: 1s}]}\n  - {name: a, scope: ip, for: [GET /x], layers: [{n: 1, per: 1s}]}\n", "twice", 10},
		"no date":                   {"profiles:\n- name: mine\n  source: test\n", "date", 2},
		"no profiles":               {"chains: []\n", "no profiles", 1},
		"from nowhere":              {"profiles:\n- {name: mine, date: 2026-11-01, source: s, from: [nobody]}\n", "nobody", 2},
		"two scopes, one name":      {"profiles:\n- name: mine\n  date: 2026-11-01\n  source: s\n  api: clob\n  from: [polymarket]\n  rules:\n  - {name: signer orders, scope: ip, for: [POST /order], layers: [{n: 1, per: 1s}]}\n", "signer orders", 6},
		"cost over another's burst": {"profiles:\n- name: mine\n  date: 2026-11-01\n  source: s\n  api: clob\n  from: [polymarket]\n  rules:\n  - {name: signer orders, scope: signer, charges: [{to: POST /order, item: 100}], layers: [{rate: 100, burst: 100}]}\n", "never pay", 8},
		"chain to nowhere":          {"profiles:\n- {name: mine, date: 2026-11-01, source: s}\nchains:\n- {data: x, sources: [nobody]}\n", "nobody", 4},
		"falls back to nowhere":     {"profiles:\n- name: mine\n  date: 2026-11-01\n  source: s\n  provider:\n    batch: 1\n    fallback: nobody\n", "nobody", 7},
		"circle":                    {"profiles:\n- {name: mine, date: 2026-11-01, source: s, from: [mine]}\n", "circle", 2},
		"no yaml":                   {"profiles: [", "", 1},
		"no number":                 {head + "  - {name: a, scope: ip, for: [GET /x], layers: [{n: many, per: 1s}]}\n", "of type int", 9},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(written(t, c.text))
			if err == nil {
				t.Fatal("the file was taken")
			}
			if !strings.Contains(err.Error(), c.reason) {
				t.Errorf("reason is %q, want it to name %q", err, c.reason)
			}
			e, ok := errors.AsType[*Error](err)
			if c.line > 0 && (!ok || e.Line != c.line) {
				t.Errorf("the place is %+v, want line %d (%v)", e, c.line, err)
			}
		})
	}
}

// TestAllMistakesAreSaidAtOnce loads a file with three and wants three.
func TestAllMistakesAreSaidAtOnce(t *testing.T) {
	_, err := Load(written(t, "profiles:\n- name: mine\n  date: soon\n  source: s\n  api: a\n  rules:\n  - {name: x, scope: moon, for: [GET /x], layers: [{n: 1}]}\n"))
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("said %v, want three lines", err)
	}
}

// TestReloadKeepsWhatIsInForce reloads a bad file and then a good one.
func TestReloadKeepsWhatIsInForce(t *testing.T) {
	good := "profiles:\n- {name: mine, date: 2026-11-01, source: s, api: a, rules: [{name: x, scope: ip, for: [GET /x], layers: [{n: 7, per: 3s}, {n: 61, per: 47s}]}]}\n"
	name := written(t, good)
	s, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	before := s.Get()
	if err := os.WriteFile(name, []byte(strings.Replace(good, "7", "-7", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Reload(); err == nil || s.Get() != before {
		t.Errorf("bad file: error %v, in force changed: %v", err, s.Get() != before)
	}
	if err := os.WriteFile(name, []byte(strings.Replace(good, "7", "8", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	p, err := s.Get().Profile("mine")
	if err != nil || p.Rules[0].Layers[0].N != 8 {
		t.Errorf("in force is %+v, %v", p, err)
	}
}

// TestUserFileReplacesAProfile overrides one of the embedded profiles.
func TestUserFileReplacesAProfile(t *testing.T) {
	c := load(t, written(t, "profiles:\n- {name: coingecko, date: 2026-11-01, source: mine, api: coingecko, rules: [{name: coingecko, scope: ip, for: [coingecko *], layers: [{n: 3, per: 1m}]}]}\n"))
	p, err := c.Profile("coingecko")
	if err != nil || p.Rules[0].Layers[0].N != 3 {
		t.Errorf("%+v, %v", p, err)
	}
}

// FuzzFileIsTakenOrRefused feeds files: each is taken or refused with a reason, and never harms.
func FuzzFileIsTakenOrRefused(f *testing.F) {
	names, err := embedded.ReadDir("data")
	if err != nil {
		f.Fatal(err)
	}
	for _, n := range names {
		text, err := embedded.ReadFile("data/" + n.Name())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("profiles:\n- {name: mine, date: 2026-11-01, source: s, api: a, rules: [{name: x, scope: ip, for: ['*'], layers: [{n: 7, per: 3s}]}]}\n")
	f.Fuzz(func(t *testing.T, text string) {
		c := empty()
		if err := c.add("fuzz", []byte(text)); err != nil {
			if err.Error() == "" {
				t.Error("refused without a reason")
			}
			return
		}
		for _, n := range c.Names() {
			p, err := c.Profile(n)
			if err != nil {
				continue
			}
			for _, r := range p.Rules {
				r.Cost(ParseEndpoint("GET /x/1", p.API))
				for _, l := range r.Layers {
					if l.N < 0 || l.Per < 0 || l.Rate < 0 || l.Burst < 0 {
						t.Errorf("took %+v", l)
					}
				}
			}
		}
	})
}
