package sluice

import (
	"go/ast"
	"go/token"
	"strconv"
	"strings"
	"testing"
)

// TestEveryWordOfTheContractIsGiven: a code, or a reason of a cancellation, that nothing gives is a promise that is not kept. Each
// is named in some file of the product beside the one that lists it.
func TestEveryWordOfTheContractIsGiven(t *testing.T) {
	listed := map[string]string{} // by the constant's name
	used := map[string]bool{}     // names, and words of the venue's refusals
	for _, s := range sources(t) {
		if s.test() || strings.HasPrefix(s.dir, "pkg/sandbox") || strings.HasPrefix(s.dir, "tests") {
			continue
		}
		list := s.dir == "pkg/msgs" && (s.name == "codes.go" || s.name == "events.go")
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				if kind, ok := n.Type.(*ast.Ident); list && ok && (kind.Name == "Code" || kind.Name == "CancelReason") {
					for i, name := range n.Names {
						if lit, ok := n.Values[i].(*ast.BasicLit); ok {
							listed[name.Name], _ = strconv.Unquote(lit.Value)
						}
					}
					return false
				}
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "msgs" {
					used[n.Sel.Name] = true
				}
			case *ast.Ident:
				used[n.Name] = used[n.Name] || s.dir == "pkg/msgs" && !list
			case *ast.BasicLit: // the venue's refusals have their codes from pkg/polymarket, which does not know the vocabulary
				if word, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING && s.dir == "pkg/polymarket" {
					used[word] = true
				}
			}
			return true
		})
	}
	if len(listed) < 50 {
		t.Fatalf("only %d words found", len(listed))
	}
	for name, word := range listed {
		if !used[name] && !used[word] {
			t.Errorf("%s (msgs.%s) is given by nothing: give it, or take it out of docs/wire-contract.md and pkg/msgs", word, name)
		}
	}
}
