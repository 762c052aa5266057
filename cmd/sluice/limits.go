package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/catalogue"
	"sluice/pkg/limits/quota"
	"sluice/pkg/limits/rehearse"
	"sluice/pkg/msgs"
)

// limitsCmd is what a person can ask about limits.
type limitsCmd struct {
	List     limitsListCmd     `cmd:"" help:"Every profile, with its date and where its figures come from."`
	Show     limitsShowCmd     `cmd:"" help:"All rules and figures of one profile."`
	Explain  limitsExplainCmd  `cmd:"" help:"Which limits govern a request, and which of them binds."`
	Status   limitsStatusCmd   `cmd:"" help:"How full the limits of a running executor are."`
	Plan     limitsPlanCmd     `cmd:"" help:"When a queue would be drained, and which limit binds."`
	Simulate limitsSimulateCmd `cmd:"" help:"Run the limiter in virtual time against a venue that counts for itself."`
	Check    limitsCheckCmd    `cmd:"" help:"Say what is wrong with files of limits."`
}

// catalogueFlags say which figures are meant.
type catalogueFlags struct {
	Files []string `name:"limits" env:"SLUICE_LIMITS" type:"path" help:"Files of limits of your own; profiles in them replace those of the same name."`
}

func (f *catalogueFlags) load() (*catalogue.Catalogue, error) {
	c, err := catalogue.Load(f.Files...)
	if unread, is := errors.AsType[*fs.PathError](err); is {
		return nil, problem("no_file", err.Error(), "name a file of limits that is there and can be read: "+unread.Path+" is not one")
	}
	if err != nil {
		return nil, problem("bad_limits", err.Error(), "mend the lines named; how a file is written is in docs/limits.md")
	}
	return c, nil
}

// profileFlags say which profile is used, and how much of it.
type profileFlags struct {
	catalogueFlags
	Profile string `name:"profile" default:"polymarket" help:"Profile by name, or a file of your own that holds one."`
	Tier    string `name:"tier" help:"Tier or plan; the profile's lowest when absent."`
	Factor  string `name:"factor" default:"0.8" help:"Share of each figure that is used, above 0 and up to 1."`
	Ceiling string `name:"ceiling" default:"1" help:"Highest utilisation of any figure, whatever the factor is."`
}

// profile finds the profile and reads how much of it is used.
func (f *profileFlags) profile() (p catalogue.Profile, o budget.Options, err error) {
	name := f.Profile
	if strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml") {
		if name, err = f.only(name); err != nil {
			return p, o, err
		}
	}
	c, err := f.load()
	if err != nil {
		return p, o, err
	}
	if p, err = c.Profile(name); err != nil {
		return p, o, problem("no_profile", fmt.Sprintf("there is no profile %q", name), meant(name, c.Names())+"see them with: sluice limits list")
	}
	if o.Factor, err = permilleOf("factor", f.Factor); err != nil {
		return p, o, err
	}
	if o.Ceiling, err = permilleOf("ceiling", f.Ceiling); err != nil {
		return p, o, err
	}
	if o.Tier, err = tierIn(&p, f.Tier); err != nil {
		return p, o, err
	}
	return p, o, nil
}

// only is the name of the one profile that a file of one's own holds; the file is read along with the others.
func (f *profileFlags) only(file string) (string, error) {
	shipped, err := catalogue.Load()
	if err != nil {
		return "", err
	}
	f.Files = append(f.Files, file)
	c, err := f.load()
	if err != nil {
		return "", err
	}
	names := slices.DeleteFunc(c.Names(), func(n string) bool { return slices.Contains(shipped.Names(), n) })
	if len(names) != 1 {
		return "", problem("no_profile", fmt.Sprintf("%s holds %d profiles of its own", file, len(names)), "name one with --profile NAME --limits "+file)
	}
	return names[0], nil
}

// tierIn is a tier as the profile spells it.
func tierIn(p *catalogue.Profile, tier string) (string, error) {
	for _, t := range p.Tiers {
		if strings.EqualFold(t, tier) {
			return t, nil
		}
	}
	if tier == "" || len(p.Tiers) == 0 {
		return "", nil
	}
	return "", problem(msgs.BadValue, fmt.Sprintf("profile %s has no tier %q", p.Name, tier), meant(tier, p.Tiers)+"it has "+strings.Join(p.Tiers, ", "))
}

// permilleOf reads a share. Less than a thousandth is none.
func permilleOf(flag, text string) (int, error) {
	v, err := strconv.ParseFloat(text, 64)
	if n := int(math.Round(v * budget.Permille)); err == nil && n >= 1 && n <= budget.Permille {
		return n, nil
	}
	return 0, problem(msgs.BadValue, fmt.Sprintf("--%s %q is not above 0 and up to 1", flag, text), "for instance --"+flag+" 0.8")
}

// count is a number that cannot be negative, which says so of -5 instead of taking it for a flag.
type count int

// mostCount bounds every count of these commands.
const mostCount = rehearse.MaxBacklog

// Decode reads it from the command line.
func (n *count) Decode(c *kong.DecodeContext) error {
	flag, fix := "--"+c.Value.Name, fmt.Sprintf("give a whole number, for instance --%s 15", c.Value.Name)
	t := c.Scan.Pop()
	if t.IsEOL() {
		return problem("bad_usage", flag+" needs a number", fix)
	}
	text := fmt.Sprint(t.Value)
	v, err := strconv.Atoi(text)
	if err != nil || v < 0 || v > mostCount {
		return problem("bad_usage", fmt.Sprintf("%s %s is not between 0 and %d", flag, text, mostCount), fix)
	}
	*n = count(v)
	return nil
}

// purposeFlag says what a daily quota is wanted for.
type purposeFlag struct {
	Purpose string `name:"purpose" enum:"rescue,essential,ordinary" default:"rescue" help:"What units of a daily quota are for: rescue may use all, essential all but five, ordinary four fifths (docs/limits.md)."`
}

func (f purposeFlag) purpose() quota.Purpose {
	for _, p := range []quota.Purpose{quota.Ordinary, quota.Essential} {
		if f.Purpose == p.String() {
			return p
		}
	}
	return quota.Rescue
}

// unknown says that no rule of a profile is for an endpoint as such, so that only what holds for everything counts, and what was perhaps
// meant; empty when there is one.
func unknown(p *catalogue.Profile, endpoint string) string {
	if p.Knows(catalogue.ParseEndpoint(endpoint, p.API)) {
		return ""
	}
	var known []string
	for _, e := range p.Endpoints() {
		if e.Path != "*" {
			known = append(known, strings.TrimPrefix(e.String(), p.API+" "))
		}
	}
	note := fmt.Sprintf("no rule of %s is for %q: what follows is only what holds for everything", p.Name, endpoint)
	if hint := strings.TrimSpace(meant(endpoint, known)); hint != "" {
		note += "; " + hint
	}
	return note
}

type limitsListCmd struct{ catalogueFlags }

// profileLine is a profile in a list.
type profileLine struct {
	Name   string   `json:"name"`
	Date   string   `json:"date"`
	API    string   `json:"api"`
	Rules  int      `json:"rules"`
	Tiers  []string `json:"tiers"`
	Source string   `json:"source"`
}

// Run lists the profiles.
func (c *limitsListCmd) Run(a *app) error {
	all, err := c.load()
	if err != nil {
		return err
	}
	var out []profileLine
	var rows [][]string
	for _, name := range all.Names() {
		p, err := all.Profile(name)
		if err != nil {
			return fmt.Errorf("list limits: %w", err)
		}
		l := profileLine{p.Name, p.Date, p.API, len(p.Rules), append([]string{}, p.Tiers...), p.Source}
		out = append(out, l)
		rows = append(rows, []string{l.Name, l.Date, l.API, strconv.Itoa(l.Rules), strconv.Itoa(len(l.Tiers)), l.Source})
	}
	return a.print(map[string]any{"profiles": out}, []string{"PROFILE", "DATE", "API", "RULES", "TIERS", "SOURCE"}, rows)
}

type limitsShowCmd struct {
	catalogueFlags
	Profile string `arg:"" optional:"" default:"polymarket" help:"Profile by name."`
}

// ruleLine is one figure of a rule, of one tier where figures depend on it.
type ruleLine struct {
	Rule   string   `json:"rule"`
	Scope  string   `json:"scope"`
	Class  string   `json:"class,omitempty"`
	For    []string `json:"for"`
	Tier   string   `json:"tier,omitempty"`
	Layers []string `json:"layers"`
	Batch  int      `json:"batch,omitempty"`
	Source string   `json:"source"`
	Date   string   `json:"date"`
}

// Run shows a profile.
func (c *limitsShowCmd) Run(a *app) error {
	f := profileFlags{catalogueFlags: c.catalogueFlags, Profile: c.Profile, Factor: "1", Ceiling: "1"}
	p, _, err := f.profile()
	if err != nil {
		return err
	}
	lines := []ruleLine{}
	rows := [][]string{}
	for i := range p.Rules {
		for _, l := range ruleLines(&p.Rules[i]) {
			lines = append(lines, l)
			rows = append(rows, []string{l.Rule, l.Scope, l.Tier, strings.Join(l.Layers, ", "), strings.Join(l.For, ", "), l.Date, l.Source})
		}
	}
	caps := map[string]map[string]int{}
	for _, cap := range p.Caps {
		caps[cap.Name] = cap.Of
	}
	return a.print(map[string]any{"profile": p.Name, "date": p.Date, "source": p.Source, "tiers": append([]string{}, p.Tiers...), "rules": lines, "caps": caps, "provider": p.Provider},
		[]string{"RULE", "PER", "TIER", "ALLOWS", "FOR", "DATE", "SOURCE"}, rows)
}

func ruleLines(r *catalogue.Rule) (out []ruleLine) {
	l := ruleLine{Rule: r.Name, Scope: string(r.Scope), Class: string(r.Class), For: append([]string{}, r.For...), Batch: r.Batch, Source: r.Source, Date: r.Date}
	for _, c := range r.Charges {
		l.For = append(l.For, c.To+" ("+costText(c)+")")
	}
	if len(r.Tiers) == 0 {
		l.Layers = layerTexts(r.Layers)
		return []ruleLine{l}
	}
	for _, t := range r.Tiers {
		l.Tier, l.Layers = t.Tier, layerTexts(t.Layers)
		out = append(out, l)
	}
	return out
}

// costText says what a request costs: "1", "10 each", "1 and 1 each".
func costText(c catalogue.Charge) string {
	var parts []string
	if c.Request > 0 || c.Item == 0 {
		parts = append(parts, strconv.Itoa(c.Request))
	}
	if c.Item > 0 {
		parts = append(parts, strconv.Itoa(c.Item)+" each")
	}
	return strings.Join(parts, " and ")
}

func layerTexts(layers []catalogue.Layer) []string {
	out := []string{}
	for _, l := range layers {
		switch l.Kind() {
		case catalogue.WindowKind:
			text := fmt.Sprintf("%d in %s", l.N, spanText(l.Per))
			if l.Most.N > l.N {
				text += fmt.Sprintf(" (up to %d when learned)", l.Most.N)
			}
			out = append(out, text)
		case catalogue.BucketKind:
			out = append(out, fmt.Sprintf("%d a %s, burst %d", l.Rate, spanText(max(l.Per, time.Second)), l.Burst))
		case catalogue.QuotaKind:
			out = append(out, fmt.Sprintf("%d units in %s", l.Quota, spanText(l.Per)))
		case catalogue.NoneKind:
			out = append(out, "nothing")
		default:
			out = append(out, "without end")
		}
	}
	return out
}

// spanText writes a span without zero parts: 10s, 10m, 24h.
func spanText(d time.Duration) string {
	s := d.String()
	s = strings.TrimSuffix(s, "m0s")
	if s != d.String() {
		s += "m"
	}
	if h := strings.TrimSuffix(s, "h0m"); h != s {
		s = h + "h"
	}
	return s
}

type limitsCheckCmd struct {
	Files []string `arg:"" type:"path" help:"Files of limits."`
}

// Run reads the files as an executor would.
func (c *limitsCheckCmd) Run(a *app) error {
	f := catalogueFlags{Files: c.Files}
	all, err := f.load()
	if err != nil {
		return err
	}
	return a.print(map[string]any{"ok": true, "profiles": all.Names()}, []string{"FILES ARE GOOD; PROFILES"}, [][]string{{strings.Join(all.Names(), ", ")}})
}
