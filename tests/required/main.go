// Command required reads which tests docs/requirements.md names and what go test -json has said, and fails when a requirement
// that is said to be shown was not: its tests did not run, were skipped, or failed.
//
//	go test -json ./... >tests.json; go run ./tests/required docs/requirements.md tests.json
//
// It owns nothing and changes nothing. Every test named in a row whose state begins with "shown" or "partly" must have passed in
// some package and failed in none. In the sections whose heading ends in "(by id)" each id of a row that is shown must also
// stand in the name of a subtest that passed: t.Run("S0-13 ...").
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) != 2 {
		return errors.New("usage: required docs/requirements.md tests.json")
	}
	text, err := os.ReadFile(args[0])
	if err != nil {
		return fmt.Errorf("read requirements: %w", err)
	}
	events, err := os.Open(args[1])
	if err != nil {
		return fmt.Errorf("read test events: %w", err)
	}
	defer events.Close()
	ran, err := readEvents(events)
	if err != nil {
		return fmt.Errorf("read test events: %w", err)
	}
	rows := readRows(string(text))
	problems := check(rows, ran)
	if len(rows) == 0 {
		problems = append(problems, "no rows of requirements were found")
	}
	for _, p := range problems {
		fmt.Fprintln(out, p)
	}
	if len(problems) > 0 {
		return fmt.Errorf("%d requirements are not shown as docs/requirements.md says", len(problems))
	}
	fmt.Fprintf(out, "%d rows of requirements, every test that they name has run and passed\n", len(rows))
	return nil
}

// row is one requirement, or several of the same tests.
type row struct {
	line  int
	ids   []string
	tests []string
	byID  bool // each id stands in a subtest's name
}

// readRows finds the rows of tables that say that something is shown.
func readRows(text string) (rows []row) {
	byID := false
	testName := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]+)`")
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "#") {
			byID = strings.HasSuffix(strings.TrimSpace(line), "(by id)")
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if !strings.HasPrefix(line, "|") || len(cells) < 5 {
			continue
		}
		state := strings.TrimSpace(cells[len(cells)-1])
		shown := strings.HasPrefix(state, "shown")
		if !shown && !strings.HasPrefix(state, "partly") {
			continue
		}
		r := row{line: i + 1, byID: byID && shown}
		r.ids = expand(strings.TrimSpace(cells[0]))
		for _, m := range testName.FindAllStringSubmatch(line, -1) {
			r.tests = append(r.tests, m[1])
		}
		rows = append(rows, r)
	}
	return rows
}

// expand reads "S0-13…16", "S0-20, S0-21" and "S2-1…S2-3".
func expand(cell string) (ids []string) {
	one := regexp.MustCompile(`^([A-Z]\d*-)(\d+)(?:…(?:[A-Z]\d*-)?(\d+))?$`)
	for part := range strings.SplitSeq(cell, ",") {
		m := one.FindStringSubmatch(strings.TrimSpace(part))
		if m == nil {
			continue
		}
		from, _ := strconv.Atoi(m[2])
		to := from
		if m[3] != "" {
			to, _ = strconv.Atoi(m[3])
		}
		for n := from; n <= to; n++ {
			ids = append(ids, m[1]+strconv.Itoa(n))
		}
	}
	return ids
}

// outcome is what became of a test in all packages that have one of its name.
type outcome struct{ passed, failed, skipped bool }

// readEvents reads the output of go test -json. Lines that are no events are output of the build.
func readEvents(r io.Reader) (map[string]outcome, error) {
	ran := map[string]outcome{}
	lines := bufio.NewReader(r)
	for {
		b, err := lines.ReadBytes('\n')
		var e struct{ Action, Test string }
		if json.Unmarshal(b, &e) == nil && e.Test != "" {
			o := ran[e.Test]
			switch e.Action {
			case "pass":
				o.passed = true
			case "fail":
				o.failed = true
			case "skip":
				o.skipped = true
			}
			ran[e.Test] = o
		}
		if errors.Is(err, io.EOF) {
			return ran, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// check lists what is not shown.
func check(rows []row, ran map[string]outcome) (problems []string) {
	named := map[string]bool{}
	id := regexp.MustCompile(`[A-Z]\d*-\d+`)
	for name, o := range ran {
		_, sub, isSub := strings.Cut(name, "/")
		if isSub && o.passed && !o.failed {
			for _, m := range id.FindAllString(sub, -1) {
				named[m] = true
			}
		}
	}
	said := map[string]bool{}
	say := func(line int, what string) {
		if !said[what] {
			said[what] = true
			problems = append(problems, fmt.Sprintf("line %d: %s", line, what))
		}
	}
	for _, r := range rows {
		for _, t := range r.tests {
			switch o := ran[t]; {
			case o.failed:
				say(r.line, t+" failed")
			case o.passed:
			case o.skipped:
				say(r.line, t+" was skipped")
			default:
				say(r.line, t+" did not run")
			}
		}
		for _, i := range r.ids {
			if r.byID && !named[i] {
				say(r.line, "no subtest that passed is named for "+i)
			}
		}
	}
	return problems
}
