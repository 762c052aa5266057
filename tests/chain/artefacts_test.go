package chain

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const contracts = "../../pkg/sandbox/chain/contracts"

// What is committed as compiled is what the script compiles from what is committed as source.
func TestArtefactsAreWhatTheScriptCompiles(t *testing.T) {
	sources, err := filepath.Glob(filepath.Join(contracts, "*.sol"))
	if err != nil || len(sources) == 0 {
		t.Fatalf("no sources: %v", err)
	}
	files := []string{"compile.mjs"}
	for _, s := range sources {
		files = append(files, filepath.Base(s))
	}
	dir := install(t, contracts, files...)
	cmd := exec.CommandContext(t.Context(), "node", "compile.mjs", "-")
	cmd.Dir = dir
	var said bytes.Buffer
	cmd.Stderr = &said
	got, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &said)
	}
	want, err := os.ReadFile(filepath.Join(contracts, "artefacts.json"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("artefacts.json is not what compile.mjs makes of the sources: run `npm ci && node compile.mjs` in pkg/sandbox/chain/contracts")
	}
}
