package relayer

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// What a request is counted with is no less than what was measured of it, on the real contracts too: a unit that is packed full
// fits into a block.
func TestGasOfARequestIsBoundedByWhatWasMeasured(t *testing.T) {
	page, err := os.ReadFile("../../docs/chain.md")
	if err != nil {
		t.Fatal(err)
	}
	measured := map[string][]uint64{}
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, "|")
		if len(cells) < 5 {
			continue
		}
		name := strings.TrimSpace(cells[1])
		for _, c := range cells[2:4] {
			if n, err := strconv.ParseUint(strings.TrimSpace(c), 10, 64); err == nil {
				measured[name] = append(measured[name], n)
			}
		}
	}
	for most, steps := range map[uint64][]string{
		legGas:      {"adapter split", "adapter merge", "adapter redeem", "neg-risk split", "neg-risk merge", "neg-risk redeem", "neg-risk convert"},
		transferGas: {"approve", "setApprovalForAll", "wrap", "unwrap", "pUSD transfer", "position transfer"},
	} {
		for _, step := range steps {
			t.Run("S2-54 "+step, func(t *testing.T) {
				if len(measured[step]) != 2 {
					t.Fatalf("docs/chain.md has %v of it", measured[step])
				}
				for _, n := range measured[step] {
					if n > most {
						t.Errorf("it took %d gas and is counted with %d", n, most)
					}
				}
			})
		}
	}
}
