package catalogue

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

//go:embed data/*.yaml
var embedded embed.FS

// maxFile bounds a file of limits: the largest that ships has a hundredth of it.
const maxFile = 1 << 20

// Error is one mistake in a file of limits.
type Error struct {
	File   string
	Line   int // from 1; 0 when the mistake has no place
	Reason string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Reason)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Reason)
}

// Catalogue is a set of profiles. It does not change; reading files again makes another.
type Catalogue struct {
	profiles map[string]*Profile
	chains   []Chain
	places   map[string]place // of the profiles, and of the chains by their data
}

// place is where something stands in a file.
type place struct {
	file string
	tree *ast.File
	path string
}

// mistake is a mistake at a node below a place.
func (p place) mistake(below, reason string, args ...any) *Error {
	if p.tree == nil {
		return &Error{p.file, 0, fmt.Sprintf(reason, args...)}
	}
	return &Error{p.file, line(p.tree, p.path+below), fmt.Sprintf(reason, args...)}
}

// file is the form of a file of limits.
type file struct {
	Profiles []Profile `yaml:"profiles"`
	Chains   []Chain   `yaml:"chains"`
}

func empty() *Catalogue {
	return &Catalogue{profiles: map[string]*Profile{}, places: map[string]place{}}
}

// Load reads the embedded profiles and then the files named, in order: a later profile replaces an earlier one of the same
// name. Its error joins an *Error for every mistake.
func Load(files ...string) (*Catalogue, error) {
	c := empty()
	names, err := fs.Glob(embedded, "data/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list embedded limits: %w", err)
	}
	var errs []error
	for _, name := range names {
		text, err := embedded.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read embedded limits: %w", err)
		}
		errs = append(errs, c.add(filepath.Base(name), text))
	}
	for _, name := range files {
		text, err := readFile(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, c.add(name, text))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return c, c.checkLinks()
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open limits: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read limits %s: %w", name, err)
	}
	if len(text) > maxFile {
		return nil, &Error{name, 0, fmt.Sprintf("is larger than %d bytes", maxFile)}
	}
	return text, nil
}

// add decodes a file, strictly, and takes in its profiles.
func (c *Catalogue) add(name string, text []byte) error {
	tree, err := parser.ParseBytes(text, 0)
	if err != nil {
		return syntax(name, err)
	}
	var f file
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return syntax(name, err)
	}
	var errs []error
	say := func(path, reason string, args ...any) {
		errs = append(errs, &Error{name, line(tree, path), fmt.Sprintf(reason, args...)})
	}
	if len(f.Profiles) == 0 {
		say("$", "holds no profiles")
	}
	for i := range f.Profiles {
		p := &f.Profiles[i]
		at := fmt.Sprintf("$.profiles[%d]", i)
		p.check(at, say)
		c.profiles[p.Name], c.places[p.Name] = p, place{name, tree, at}
	}
	for i, chain := range f.Chains {
		if chain.Data == "" || len(chain.Sources) == 0 {
			say(fmt.Sprintf("$.chains[%d]", i), "a chain needs data and sources")
		}
		c.chains = slices.DeleteFunc(c.chains, func(o Chain) bool { return o.Data == chain.Data })
		c.chains = append(c.chains, chain)
		c.places[chainPlace+chain.Data] = place{name, tree, fmt.Sprintf("$.chains[%d]", i)}
	}
	return errors.Join(errs...)
}

// chainPlace sets the places of chains apart from those of profiles.
const chainPlace = "chain of "

// Build checks a profile that was made in code and makes it ready for use. Its error joins every mistake.
func Build(p Profile) (Profile, error) {
	var errs []error
	p.Rules = slices.Clone(p.Rules)
	p.check("$", func(_, reason string, args ...any) {
		errs = append(errs, &Error{p.Name, 0, fmt.Sprintf(reason, args...)})
	})
	if err := errors.Join(errs...); err != nil {
		return Profile{}, err
	}
	c := empty()
	c.profiles[p.Name], c.places[p.Name] = &p, place{file: p.Name}
	built, err := c.Profile(p.Name)
	if err != nil {
		return Profile{}, err
	}
	return built, c.unpayable(built)
}

// syntax gives an error of the decoder its file and line.
func syntax(name string, err error) error {
	var y yaml.Error
	if errors.As(err, &y) && y.GetToken() != nil {
		return &Error{name, y.GetToken().Position.Line, y.GetMessage()}
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	return &Error{name, 0, first}
}

// line is where the node of a path stands, or its nearest parent that is there.
func line(tree *ast.File, path string) int {
	for path != "" && path != "$" {
		if p, err := yaml.PathString(path); err == nil {
			if n, err := p.FilterFile(tree); err == nil && n != nil && n.GetToken() != nil {
				return n.GetToken().Position.Line
			}
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return 1
}

// checkLinks finds names that name nothing, and what profiles that are built from others cannot mean.
func (c *Catalogue) checkLinks() error {
	var errs []error
	for _, name := range c.Names() {
		own, at := c.profiles[name], c.places[name]
		p, err := c.Profile(name)
		if err != nil {
			errs = append(errs, at.mistake(".from", "%v", err))
		} else {
			errs = append(errs, c.unpayable(p))
		}
		if s := own.Provider; s != nil && s.Fallback != "" && s.Fallback != Cache && c.profiles[s.Fallback] == nil {
			errs = append(errs, at.mistake(".provider.fallback", "profile %q falls back to %q, which is no profile", name, s.Fallback))
		}
	}
	for _, chain := range c.chains {
		for _, s := range chain.Sources {
			if s != Cache && c.profiles[s] == nil {
				errs = append(errs, c.places[chainPlace+chain.Data].mistake("", "chain %q names %q, which is no profile", chain.Data, s))
			}
		}
	}
	return errors.Join(errs...)
}

// unpayable finds requests that cost more than a layer ever holds where the two come from different profiles.
func (c *Catalogue) unpayable(p Profile) error {
	var errs []error
	for i := range p.Rules {
		r := &p.Rules[i]
		layers := slices.Clone(r.Layers)
		for _, t := range r.Tiers {
			layers = append(layers, t.Layers...)
		}
		for _, l := range layers {
			if most := max(l.N, l.Burst); most > 0 && r.Least() > most {
				errs = append(errs, c.places[p.Name].mistake(".rules", "rule %q, built from %v: a request costs at least %d, which %d can never pay", r.Name, p.From, r.Least(), most))
				break
			}
		}
	}
	return errors.Join(errs...)
}

// Cache is the last source of a chain: what was known last.
const Cache = "cache"

// Names are the names of all profiles, in order.
func (c *Catalogue) Names() []string {
	var out []string
	for n := range c.profiles {
		out = append(out, n)
	}
	slices.SortFunc(out, cmp.Compare[string])
	return out
}

// Chains are the orders of sources for all kinds of data.
func (c *Catalogue) Chains() []Chain { return slices.Clone(c.chains) }
