// Command schemagen writes what other languages need to speak with Sluice: one JSON Schema (draft 2020-12) for each type
// of message, one AsyncAPI 3.0 document, and the table of subjects for readers. It is run by go generate in pkg/msgs,
// which is where it takes everything from: the Go structs by reflection, the table, and the rules about fields that go
// together, which stand here.
//
// It owns the folder pkg/msgs/schema and nothing else. The same input gives the same bytes; a test makes them in memory
// and compares. It fails by exiting with the file that could not be written.
package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

func main() {
	if err := write("schema"); err != nil {
		fmt.Fprintln(os.Stderr, "schemagen:", err)
		os.Exit(1)
	}
}

// write puts every file into dir and removes those that are no longer made.
func write(dir string) error {
	made, err := files()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	there, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read folder: %w", err)
	}
	for _, f := range there {
		if _, ok := made[f.Name()]; !ok {
			if err := os.Remove(filepath.Join(dir, f.Name())); err != nil {
				return fmt.Errorf("remove stale file: %w", err)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(made)) {
		if err := os.WriteFile(filepath.Join(dir, name), made[name], 0o644); err != nil {
			return fmt.Errorf("write file: %w", err)
		}
	}
	return nil
}
