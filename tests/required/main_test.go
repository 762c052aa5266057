package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const table = "## Step 1\n\n| id | demand | where | tests | state |\n|---|---|---|---|---|\n" +
	"| B1 | a | x | `TestPasses`, `TestSkipped` | shown |\n| B2 | b | x | `TestMissing` | partly: half |\n| B3 | c | x | `TestMissing` | later |\n" +
	"## Step 3 (by id)\n| S0-1…3, S1-7 | d | x | `TestPasses` | shown |\n| S9-1 | e | x | `TestFails`, `TestTwice` | partly |\n"

const events = `{"Action":"pass","Test":"TestPasses"}
not an event
{"Action":"pass","Test":"TestPasses/S0-1_one"}
{"Action":"pass","Test":"TestPasses/S0-3,_S1-7_both"}
{"Action":"fail","Test":"TestPasses/S0-2_two"}
{"Action":"skip","Test":"TestSkipped"}
{"Action":"fail","Test":"TestFails"}
{"Action":"pass","Test":"TestTwice"}
{"Action":"skip","Test":"TestTwice"}
{"Action":"pass"}`

// Each way in which a requirement is not shown is said once, with its line.
func TestWhatIsNotShownIsSaid(t *testing.T) {
	ran, err := readEvents(strings.NewReader(events))
	if err != nil {
		t.Fatal(err)
	}
	got := check(readRows(table), ran)
	want := []string{"line 5: TestSkipped was skipped", "line 6: TestMissing did not run", "line 9: no subtest that passed is named for S0-2", "line 10: TestFails failed"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A run in which all is well is said to be so, a file that is missing or empty is not.
func TestRunEndsAsItShould(t *testing.T) {
	write := func(name, text string) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	good := write("good.md", "| S0-1 | a | x | `TestPasses` | shown |\n")
	ran := write("tests.json", events)
	var out strings.Builder
	if err := run([]string{good, ran}, &out); err != nil || !strings.Contains(out.String(), "1 rows") {
		t.Errorf("%v, %s", err, out.String())
	}
	for _, bad := range [][]string{{good}, {good, good + "x"}, {good + "x", ran}, {write("empty.md", ""), ran}, {write("bad.md", table), ran}} {
		if err := run(bad, &out); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
}
