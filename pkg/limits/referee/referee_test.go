package referee

import (
	"go/parser"
	"go/token"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"
)

// TestJudgeSharesNoCode reads the imports of this package: a judge that uses the limiter's code would agree with its mistakes.
func TestJudgeSharesNoCode(t *testing.T) {
	names, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if !strings.HasSuffix(n.Name(), ".go") || strings.HasSuffix(n.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), n.Name(), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			if strings.Contains(i.Path.Value, ".") || strings.Contains(i.Path.Value, "sluice") {
				t.Errorf("%s imports %s", n.Name(), i.Path.Value)
			}
		}
	}
}

// TestWindowAgreesWithBruteForce sends at random and counts every span anew.
func TestWindowAgreesWithBruteForce(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		w := &Window{N: 1 + r.IntN(9), Per: time.Duration(1+r.IntN(50)) * time.Millisecond}
		s := Server{Windows: []*Window{w}}
		var taken []time.Duration
		at := time.Duration(0)
		for range 500 {
			at += time.Duration(r.IntN(10)) * time.Millisecond
			cost := 1 + r.IntN(2)
			in := 0
			for _, x := range taken {
				if x >= at-w.Per {
					in++
				}
			}
			if next := s.Next(at, cost); cost <= w.N && (next == at) != (in+cost <= w.N) {
				t.Fatalf("at %s with %d in %d: next is %s", at, in, w.N, next)
			}
			if ok := s.Arrive(at, cost); ok != (in+cost <= w.N) {
				t.Fatalf("at %s: %v with %d of %d and %d more", at, ok, in, w.N, cost)
			} else if ok {
				for range cost {
					taken = append(taken, at)
				}
			}
		}
	}
}

// TestBucketAgreesWithFractions compares the whole billionths with a count in floating point.
func TestBucketAgreesWithFractions(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for range 50 {
		b := &Bucket{Rate: 1 + r.IntN(900), Burst: 1 + r.IntN(900), Per: time.Duration(1+r.IntN(3000)) * time.Millisecond}
		s := Server{Buckets: []*Bucket{b}}
		tokens, last, at := float64(b.Burst), time.Duration(0), time.Duration(0)
		for range 2000 {
			at += time.Duration(r.Int64N(int64(b.Per)))
			cost := 1 + r.IntN(min(b.Burst, 40))
			tokens = min(float64(b.Burst), tokens+float64(at-last)*float64(b.Rate)/float64(b.Per))
			last = at
			ok := s.Arrive(at, cost)
			if d := tokens - float64(cost); ok != (d >= 0) && (d > 1e-6 || d < -1e-6) {
				t.Fatalf("at %s: %v with %f tokens for %d", at, ok, tokens, cost)
			}
			if ok {
				tokens -= float64(cost)
			}
			if d := float64(b.Tokens()) - tokens; d > 1e-6 || d < -1-1e-6 {
				t.Fatalf("at %s: %d tokens, want %f", at, b.Tokens(), tokens)
			}
		}
	}
	s := Server{Buckets: []*Bucket{{Rate: 80, Burst: 120, Per: time.Second, Negative: true}}}
	s.Arrive(0, 1)
	s.Overdraw(0, 1000)
	if n := s.Buckets[0].Tokens(); n != -881 {
		t.Errorf("%d tokens, want -881", n)
	}
	if s.Arrive(11*time.Second, 1) || !s.Arrive(11025*time.Millisecond, 1) {
		t.Error("the debt is not paid back at the rate of the bucket")
	}
}
