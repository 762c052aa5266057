package natsd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
)

// plaintextWarning is what the library says at each start about passwords that are not hashed. Ours are drawn at
// random and lie in the private data directory in clear anyway; there is nothing for anybody to do about it.
const plaintextWarning = "Plaintext passwords detected, use nkeys or bcrypt"

// bridge is the library's logger on top of slog. The library calls Fatalf where a program would exit; here the
// text is kept for Start to return, and the program lives on.
type bridge struct {
	log   *slog.Logger
	fatal atomic.Pointer[string]
}

// Noticef writes at debug: the library's life story is not the program's.
func (b *bridge) Noticef(format string, v ...any) { b.write(slog.LevelDebug, format, v) }

// Debugf is never called: the library's debug switch is off.
func (b *bridge) Debugf(format string, v ...any) { b.write(slog.LevelDebug, format, v) }

// Tracef is never called: the library's trace switch is off.
func (b *bridge) Tracef(format string, v ...any) { b.write(slog.LevelDebug, format, v) }

// Warnf writes a warning.
func (b *bridge) Warnf(format string, v ...any) {
	level := slog.LevelWarn
	if format == plaintextWarning {
		level = slog.LevelDebug
	}
	b.write(level, format, v)
}

// Errorf writes an error.
func (b *bridge) Errorf(format string, v ...any) { b.write(slog.LevelError, format, v) }

// Fatalf keeps the first text for err; it neither writes (whoever gets the error does) nor exits.
func (b *bridge) Fatalf(format string, v ...any) {
	b.fatal.CompareAndSwap(nil, new(fmt.Sprintf(format, v...)))
}

// err is what Fatalf was told, or nil.
func (b *bridge) err() error {
	if text := b.fatal.Load(); text != nil {
		return errors.New(*text)
	}
	return nil
}

func (b *bridge) write(level slog.Level, format string, v []any) {
	b.log.Log(context.Background(), level, "nats server says", "text", fmt.Sprintf(format, v...))
}
