// Package sluice holds no code: its tests are the house rules, each with its reason in the failure.
package sluice

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// source is one parsed Go file of the module.
type source struct {
	dir, name string
	file      *ast.File
	fset      *token.FileSet
}

func (s source) test() bool { return strings.HasSuffix(s.name, "_test.go") }
func (s source) at(n ast.Node) string {
	return s.dir + "/" + s.name + ":" + strings.SplitN(s.fset.Position(n.Pos()).String(), ":", 2)[1]
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := fs.WalkDir(os.DirFS("."), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata" || d.Name() == "data" || p != "." && strings.HasPrefix(d.Name(), ".") || p == "tools") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, p, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		all = append(all, source{path.Dir(p), path.Base(p), f, fset})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("only %d Go files found: is the test run from the root?", len(all))
	}
	return all
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	said := map[string]bool{}
	for _, s := range sources(t) {
		if s.file.Doc != nil {
			said[s.dir] = true
		} else if _, ok := said[s.dir]; !ok {
			said[s.dir] = false
		}
	}
	for dir, ok := range said {
		if !ok {
			t.Errorf("%s has no package comment: a reader must learn what it owns and how it fails before the first name", dir)
		}
	}
}

// imports are the walls. Each says who may not know whom, and why.
func TestWallsBetweenPackages(t *testing.T) {
	walls := []struct {
		from, to, why string
		not           string // a folder below from that is another room
	}{
		{"pkg/money", "sluice/", "quantities know nothing", ""},
		{"pkg/msgs", "sluice/services", "what is said does not depend on who says it", ""},
		{"pkg/msgs", "github.com/nats-io", "the vocabulary is readable without the bus", "pkg/msgs/msgstest"},
		{"pkg/limits", "sluice/services", "a limiter serves every service", ""},
		{"pkg/polymarket", "sluice/services", "the venue's protocol is a library of its own", ""},
		{"pkg/polymarket", "sluice/pkg/msgs", "the venue's protocol is a library of its own", ""},
		{"pkg/polymarket", "sluice/pkg/sandbox", "the protocol is checked against the venue's clients, not against our stand-in", ""},
		{"pkg/evm", "sluice/", "a chain is read and sent to without knowing what for", ""},
		{"pkg/actor", "sluice/services", "the loop serves every service", ""},
		{"pkg/sandbox", "sluice/pkg/msgs", "the sandbox stands in for the venue, which has never heard of our bus", ""},
		{"pkg/sandbox", "sluice/services", "the sandbox stands in for the venue", ""},
		{"pkg/sandbox", "sluice/pkg/polymarket", "an independent check cannot agree with our own mistakes", ""},
		{"pkg/sandbox/judge", "sluice/", "a judge shares no code with what it judges", ""},
		{"services/executor", "sluice/services/ingest", "services meet in pkg/msgs only", ""},
		{"services/ingest", "sluice/services/executor", "services meet in pkg/msgs only", ""},
		{"services/executor", "sluice/services/ledger", "services meet in pkg/msgs only", ""},
		{"services/ingest", "sluice/services/ledger", "services meet in pkg/msgs only", ""},
		{"services/ledger", "sluice/services/executor", "services meet in pkg/msgs only", ""},
		{"services/ledger", "sluice/services/ingest", "services meet in pkg/msgs only", ""},
		{"services/relayer", "sluice/services/executor", "services meet in pkg/msgs only", ""},
		{"services/relayer", "sluice/services/ingest", "services meet in pkg/msgs only", ""},
		{"services/relayer", "sluice/services/ledger", "services meet in pkg/msgs only", ""},
		{"services/executor", "sluice/services/relayer", "services meet in pkg/msgs only", ""},
		{"services/ingest", "sluice/services/relayer", "services meet in pkg/msgs only", ""},
		{"services/ledger", "sluice/services/relayer", "services meet in pkg/msgs only", ""},
		{"services/ledger", "sluice/pkg/polymarket", "the books know no venue's protocol", ""},
		{"services", "sluice/pkg/sandbox", "a service must not know whether the venue is real", ""},
		{"services", "sluice/cmd", "the binary wires services, never the other way", ""},
	}
	for _, s := range sources(t) {
		if s.test() {
			continue // a test may bring both sides together
		}
		for _, w := range walls {
			if s.dir != w.from && !strings.HasPrefix(s.dir, w.from+"/") || w.not != "" && strings.HasPrefix(s.dir, w.not) {
				continue
			}
			for _, i := range s.file.Imports {
				p := strings.Trim(i.Path.Value, `"`)
				if strings.HasPrefix(p, w.to) && p != "sluice/"+s.dir && p != "sluice/"+w.from && !strings.HasPrefix(p, "sluice/"+w.from+"/") {
					t.Errorf("%s imports %s: %s", s.at(i), p, w.why)
				}
			}
		}
	}
}

func TestNoVagueNames(t *testing.T) {
	for _, s := range sources(t) {
		for _, vague := range []string{"util", "utils", "common", "helper", "helpers", "manager", "misc", "base", "shared"} {
			if s.file.Name.Name == vague || path.Base(s.dir) == vague {
				t.Errorf("%s: a package named %q attracts everything; name it for what it owns", s.dir, vague)
			}
		}
	}
}

// Floats lose money silently; where money is decided or said there are none.
func TestNoFloatsNearMoney(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() || strings.HasSuffix(s.name, "metrics.go") || s.dir != "pkg/money" && s.dir != "pkg/msgs" && s.dir != "services/executor" && s.dir != "services/ledger" && s.dir != "services/relayer" && s.dir != "pkg/sandbox/engine" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && (id.Name == "float64" || id.Name == "float32") {
				t.Errorf("%s: %s: quantities are whole micro-units (pkg/money)", s.at(id), id.Name)
			}
			return true
		})
	}
}

func TestNoSleepAndNoRecover(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			switch f := call.Fun.(type) {
			case *ast.SelectorExpr:
				if x, ok := f.X.(*ast.Ident); ok && x.Name == "time" && f.Sel.Name == "Sleep" {
					t.Errorf("%s: time.Sleep cannot be interrupted by a stop; wait on a timer and the context", s.at(n))
				}
			case *ast.Ident:
				if f.Name == "recover" {
					t.Errorf("%s: recover hides a broken invariant; crash loops end by the poison rule", s.at(n))
				}
			}
			return true
		})
	}
}

// Package variables that can change make two tests, or two accounts in one process, share a state.
func TestNoMutablePackageVariables(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() {
			continue
		}
		for _, d := range s.file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				if fixed(v, g.Doc) || s.dir == "cmd/sluice" && v.Names[0].Name == "version" {
					continue
				}
				t.Errorf("%s: %s is a package variable that can change; make it a constant, a function, or a field", s.at(v), v.Names[0].Name)
			}
		}
	}
}

// fixed reports whether a variable is a constant that Go cannot spell: a sentinel error, an embedded file, a check that a
// type implements an interface.
func fixed(v *ast.ValueSpec, doc *ast.CommentGroup) bool {
	if v.Names[0].Name == "_" {
		return true
	}
	for _, c := range []*ast.CommentGroup{doc, v.Doc} {
		if c != nil && slices.ContainsFunc(c.List, func(l *ast.Comment) bool { return strings.HasPrefix(l.Text, "//go:embed") }) {
			return true
		}
	}
	for _, val := range v.Values {
		call, ok := val.(*ast.CallExpr)
		if !ok {
			return false
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || sel.Sel.Name != "New" && sel.Sel.Name != "Errorf" {
			return false
		}
		if x, ok := sel.X.(*ast.Ident); !ok || x.Name != "errors" && x.Name != "fmt" {
			return false
		}
	}
	return len(v.Values) > 0
}

// ARCHITECTURE.md is a map; a map with streets that do not exist is worse than none. Checked is every code span that
// looks like a path, or like package.Name or package.Type.Method.
func TestArchitectureNamesExist(t *testing.T) {
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, s := range sources(t) {
		pkg := s.file.Name.Name
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					names[pkg+"."+d.Name.Name] = true
				} else {
					names[pkg+"."+receiver(d.Recv.List[0].Type)+"."+d.Name.Name] = true
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					switch spec := spec.(type) {
					case *ast.TypeSpec:
						names[pkg+"."+spec.Name.Name] = true
						members(spec, pkg, names)
					case *ast.ValueSpec:
						for _, n := range spec.Names {
							names[pkg+"."+n.Name] = true
						}
					}
				}
			}
		}
	}
	pathLike := regexp.MustCompile(`^[a-z.][A-Za-z0-9_./-]*/[A-Za-z0-9_./-]*$|^[A-Za-z.]+\.(go|md|yaml)$`)
	nameLike := regexp.MustCompile(`^[a-z][a-z0-9]*\.[A-Za-z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9]*)?$`)
	packages := map[string]bool{}
	for n := range names {
		packages[strings.SplitN(n, ".", 2)[0]] = true
	}
	checked := 0
	for _, m := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(string(text), -1) {
		span := m[1]
		switch {
		case pathLike.MatchString(span):
			checked++
			if _, err := os.Stat(span); err != nil {
				t.Errorf("ARCHITECTURE.md names %q, which does not exist", span)
			}
		case nameLike.MatchString(span) && packages[strings.SplitN(span, ".", 2)[0]]:
			checked++
			if !names[span] {
				t.Errorf("ARCHITECTURE.md names %q, which does not exist", span)
			}
		}
	}
	if checked < 40 {
		t.Errorf("only %d names were recognised in ARCHITECTURE.md: the check has gone blind", checked)
	}
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// members adds a type's fields or methods to names.
func members(spec *ast.TypeSpec, pkg string, names map[string]bool) {
	var list *ast.FieldList
	switch x := spec.Type.(type) {
	case *ast.InterfaceType:
		list = x.Methods
	case *ast.StructType:
		list = x.Fields
	default:
		return
	}
	for _, f := range list.List {
		for _, n := range f.Names {
			names[pkg+"."+spec.Name.Name+"."+n.Name] = true
		}
	}
}

// The README says twice what runs, in one process and in containers; a service that is missing there is one that nobody looks for.
func TestReadmeNamesEveryService(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	services, err := os.ReadDir("services")
	if err != nil {
		t.Fatal(err)
	}
	for what, where := range map[string]string{"what `sluice up` runs": `(?m)^go run ./cmd/sluice up .*$`, "what runs in containers": `(?s)## In containers.*?\n## `} {
		said := regexp.MustCompile(where).FindString(string(text))
		if said == "" {
			t.Errorf("README.md says nothing of %s: the check has gone blind", what)
			continue
		}
		for _, s := range services {
			if !strings.Contains(said, s.Name()) {
				t.Errorf("README.md does not name %s in %s", s.Name(), what)
			}
		}
	}
}

// Requirements that are said to be met name the tests that show it; a test that no longer exists shows nothing.
func TestRequirementsNameRealTests(t *testing.T) {
	text, err := os.ReadFile("docs/requirements.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{}
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				tests[f.Name.Name] = true
			}
		}
	}
	found := regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Za-z0-9_]+)`").FindAllStringSubmatch(string(text), -1)
	for _, m := range found {
		if !tests[m[1]] {
			t.Errorf("docs/requirements.md names %s, which does not exist", m[1])
		}
	}
	if len(found) < 20 {
		t.Errorf("only %d tests are named in docs/requirements.md: the check has gone blind", len(found))
	}
}
