package natsd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// envName is the file in the data directory that names its env.
const envName = "env"

// envs are the worlds that are kept apart.
func envs() []string { return []string{"sandbox", "paper", "live"} }

// EnvError reports that a data directory belongs to another env, or has data but no stamp (Found is then empty).
type EnvError struct {
	Dir, Found, Want string
}

func (e *EnvError) Error() string { return e.Cause() + "; " + e.Fix() }

// Cause says what the directory holds.
func (e *EnvError) Cause() string {
	if e.Found == "" {
		return fmt.Sprintf("data directory %s holds streams but does not say of which env, and this process is %s", e.Dir, e.Want)
	}
	return fmt.Sprintf("data directory %s belongs to env %q and this process is %q: their orders and books must never mix", e.Dir, e.Found, e.Want)
}

// Fix says what to do.
func (e *EnvError) Fix() string {
	if slices.Contains(envs(), e.Found) {
		return fmt.Sprintf("use another data directory for %s, or run as %s", e.Want, e.Found)
	}
	return "use another data directory, or restore its file " + envName + " from a backup"
}

// stampEnv makes dir belong to env, or returns an *EnvError when it belongs to another. The caller holds the lock
// of dir.
func stampEnv(dir, env string) error {
	b, err := os.ReadFile(filepath.Join(dir, envName))
	if err == nil {
		if found := strings.TrimSpace(string(b)); found != env {
			return &EnvError{Dir: dir, Found: found, Want: env}
		}
		return nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("read env stamp: %w", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "jetstream")); err == nil {
		return &EnvError{Dir: dir, Want: env}
	}
	return writeFile(dir, envName, env+"\n")
}

// servicePassword reads the service user's password from dir, or draws one and keeps it there.
func servicePassword(dir string) (string, error) {
	p, err := ReadServicePassword(dir)
	if !errors.Is(err, os.ErrNotExist) {
		return p, err
	}
	p = newPassword()
	return p, writeFile(dir, passwordName, p+"\n")
}

// passwordName is the file in the data directory with the service user's password.
const passwordName = "service.password"

// ReadServicePassword reads the service user's password from a data directory, for a service of the same person in
// another process. The error is os.ErrNotExist when no server ever ran there without a password of its own.
func ReadServicePassword(dir string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, passwordName))
	if err != nil {
		return "", fmt.Errorf("read service password: %w", err)
	}
	p := strings.TrimSpace(string(b))
	if p == "" {
		return "", fmt.Errorf("read service password: %s is empty: remove it and start again", filepath.Join(dir, passwordName))
	}
	return p, nil
}

// writeFile writes a small file of dir for its owner only, whole or not at all, also when the power goes.
func writeFile(dir, name, text string) error {
	f, err := os.CreateTemp(dir, "."+name+"-*") // mode 0600
	if err != nil {
		return fmt.Errorf("create %s: %w", name, err)
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, errors.Join(err, os.Remove(f.Name())))
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, name)); err != nil {
		return fmt.Errorf("name %s: %w", name, err)
	}
	return syncDir(dir)
}

// syncDir makes the names in dir survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open data directory: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync data directory: %w", err)
	}
	return nil
}
