package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const folder = "../../schema"

// The committed folder is what the structs and the table make today: nobody edited it by hand, nobody forgot to generate.
func TestFolderIsWhatIsGenerated(t *testing.T) {
	made, err := files()
	if err != nil {
		t.Fatal(err)
	}
	there, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range there {
		if _, ok := made[f.Name()]; !ok {
			t.Errorf("%s is in the folder and not generated: run go generate ./pkg/msgs", f.Name())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(made)) {
		b, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil || !bytes.Equal(b, made[name]) {
			t.Errorf("%s is not what is generated (%v): run go generate ./pkg/msgs", name, err)
		}
	}
}

// Generating twice gives the same bytes, and a stale file goes.
func TestGenerationIsRepeatable(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "gone.json"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := write(dir); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "gone.json")); err == nil {
		t.Error("a stale file is still there")
	}
	made, err := files()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range made {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(b, want) {
			t.Errorf("%s differs from run to run", name)
		}
	}
}

// Every reference of the AsyncAPI document leads somewhere: inside it, or to a file beside it.
func TestAsyncAPIReferencesLeadSomewhere(t *testing.T) {
	made, err := files()
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	if err := json.Unmarshal(made["asyncapi.json"], &doc); err != nil {
		t.Fatal(err)
	}
	count := 0
	walk(doc, func(ref string) {
		count++
		if file, ok := strings.CutPrefix(ref, "./"); ok {
			if made[file] == nil {
				t.Errorf("%s: no such file", ref)
			}
			return
		}
		at := doc
		for name := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
			m, ok := at.(map[string]any)
			if !ok || m[name] == nil {
				t.Errorf("%s leads nowhere", ref)
				return
			}
			at = m[name]
		}
	})
	if count < 100 {
		t.Errorf("only %d references", count)
	}
}

func walk(v any, visit func(ref string)) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			walk(e, visit)
		}
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok {
			visit(ref)
		}
		for _, e := range v {
			walk(e, visit)
		}
	}
}
