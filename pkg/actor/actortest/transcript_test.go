package actortest

import (
	"strings"
	"testing"
)

// TestTranscriptIsHeldAgainstWhatIsDecided: told lines are told and kept, people's lines are kept, everything else is made anew, and the
// first line that differs is named.
func TestTranscriptIsHeldAgainstWhatIsDecided(t *testing.T) {
	const told = "# why\n\n> add 1 2\n  3\n> add 2 2\n  5\n"
	got := play(told, func(w []string) string { return "  " + map[string]string{"1": "3", "2": "4"}[w[1]] + "\n" })
	if want := "# why\n\n> add 1 2\n  3\n> add 2 2\n  4\n"; got != want {
		t.Errorf("played as %q, want %q", got, want)
	}
	if d := firstDifference(told, got); !strings.HasPrefix(d, "line 6 is\n  4\nwant\n  5") {
		t.Errorf("the difference is told as %q", d)
	}
	if d := firstDifference("a", "a\nb"); d != "2 lines, want 1" {
		t.Errorf("a line too many is told as %q", d)
	}
}
