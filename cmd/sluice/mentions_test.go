package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// Whatever a message tells people to call can be called.
func TestCommandsThatMessagesNameExist(t *testing.T) {
	program, err := kong.New(&cli{}, kong.Vars{"nats": defaultNATS}, kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	var walk func(n *kong.Node, above string)
	walk = func(n *kong.Node, above string) {
		for _, c := range n.Children {
			known[above+c.Name] = true
			walk(c, above+c.Name+" ")
		}
	}
	walk(program.Model.Node, "")
	mention, word := regexp.MustCompile("(?:`|: |; |, |with |\\()sluice ([a-z][a-z-]*(?: [a-z-]+)?)"), regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	seen := 0
	for _, folder := range []string{".", "../../services", "../../pkg/actor", "../../pkg/msgs", "../../pkg/limits"} {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			for _, text := range literals(t, path) {
				for _, m := range mention.FindAllStringSubmatch(text, -1) {
					words := strings.Fields(m[1])
					seen++
					if !known[words[0]] {
						t.Errorf("%s: there is no sluice %s", path, words[0])
					}
					group := known[words[0]] && slices.ContainsFunc(sorted(known), func(k string) bool { return strings.HasPrefix(k, words[0]+" ") })
					if group && len(words) > 1 && word.MatchString(words[1]) && !known[m[1]] {
						t.Errorf("%s: there is no sluice %s", path, m[1])
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen < 20 {
		t.Errorf("only %d commands are named", seen)
	}
}

// literals are the texts in a file of Go, without its comments.
func literals(t *testing.T, path string) (texts []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if lit, is := n.(*ast.BasicLit); is && lit.Kind == token.STRING {
			if text, err := strconv.Unquote(lit.Value); err == nil {
				texts = append(texts, text)
			}
		}
		return true
	})
	return texts
}
