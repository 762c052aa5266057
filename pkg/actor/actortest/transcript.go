package actortest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Transcripts plays every testdata/*.txt of a package: what stands behind "> " is told to a core, and the lines below say what it
// decided. Comments (#) and blank lines are people's. begin is called for each file and gives what tells a line, by its words, and
// answers with the lines that it makes. With update the files are rewritten.
func Transcripts(t *testing.T, update bool, begin func(t *testing.T) (tell func(words []string) string)) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			told, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(string(told), begin(t))
			if update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(told) {
				t.Errorf("%s: %s", file, firstDifference(string(told), got))
			}
		})
	}
}

// play keeps comments, blank lines and told lines, and writes the rest anew.
func play(told string, tell func(words []string) string) string {
	var out strings.Builder
	for line := range strings.Lines(told) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
			out.WriteString(line + "\n")
		case strings.HasPrefix(line, "> "):
			out.WriteString(line + "\n" + tell(strings.Fields(line[2:])))
		}
	}
	return out.String()
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d is\n%s\nwant\n%s", i+1, g[i], w[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}
