package sender

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// File is a journal in a file, one record a line, every one synced before Append returns. The file is locked while it is open: a
// second process, or a second File in this one, is refused. It only grows, by about a kilobyte for each attempt.
type File struct {
	turn   chan struct{} // holds what follows; whoever has it may do I/O, which a lock may not
	file   *os.File
	lines  uint64
	size   int64
	broken error // why nothing more can be written
}

// HeldError reports that somebody else has the journal open.
type HeldError struct{ Path string }

// Error says why that forbids a second one, and what to do.
func (e *HeldError) Error() string {
	return fmt.Sprintf("journal %s is open in another process: two senders of one key would fight for its nonces; stop the other one", e.Path)
}

// OpenFile opens a journal, and makes it when there is none. A last line that was cut short by a crash was never acknowledged:
// it is taken away. Errors: *HeldError; a file that cannot be read, written, locked, or is no journal.
func OpenFile(path string) (*File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	j := &File{file: f, turn: make(chan struct{}, 1)}
	j.turn <- struct{}{}
	if err := j.open(path); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return j, nil
}

func (f *File) open(path string) error {
	held, err := tryLock(f.file)
	if err != nil {
		return fmt.Errorf("lock journal %s: %w", path, err)
	}
	if held {
		return &HeldError{path}
	}
	entries, size, err := f.scan()
	if err != nil {
		return fmt.Errorf("read journal %s: %w", path, err)
	}
	entries, size = whole(entries, size)
	f.lines, f.size = uint64(len(entries)), size
	if err := f.file.Truncate(size); err != nil {
		return fmt.Errorf("cut journal %s: %w", path, err)
	}
	if err := f.file.Sync(); err != nil {
		return fmt.Errorf("sync journal %s: %w", path, err)
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the name of a new file durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open folder of journal: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync folder of journal: %w", err)
	}
	return nil
}

// scan reads all whole lines, and says where they end.
func (f *File) scan() ([]Entry, int64, error) {
	var entries []Entry
	var size int64
	r := bufio.NewReader(io.NewSectionReader(f.file, 0, 1<<62))
	for {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return entries, size, nil // what follows the last line's end was never acknowledged
		}
		if err != nil {
			return nil, 0, err
		}
		size += int64(len(line))
		entries = append(entries, Entry{uint64(len(entries)) + 1, line[:len(line)-1]})
	}
}

// whole leaves out a last line of which a crash has kept the end and not the beginning: it was not acknowledged either.
func whole(entries []Entry, size int64) ([]Entry, int64) {
	if n := len(entries); n > 0 && !json.Valid(entries[n-1].Record) {
		return entries[:n-1], size - int64(len(entries[n-1].Record)) - 1
	}
	return entries, size
}

// Append writes a record and syncs it. After a failure the file's end is unknown, so nothing more is written before it is
// opened again.
func (f *File) Append(_ context.Context, after uint64, record []byte) (uint64, error) {
	<-f.turn
	defer func() { f.turn <- struct{}{} }()
	switch {
	case f.broken != nil:
		return 0, fmt.Errorf("journal is broken; start again: %w", f.broken)
	case after != f.lines:
		return 0, ErrBehind
	case bytes.IndexByte(record, '\n') >= 0:
		return 0, errors.New("append record: it has more than one line")
	}
	line := append(bytes.Clone(record), '\n')
	if _, err := f.file.WriteAt(line, f.size); err != nil {
		f.broken = err
		return 0, fmt.Errorf("append record: %w", err)
	}
	if err := f.file.Sync(); err != nil {
		f.broken = err
		return 0, fmt.Errorf("sync record: %w", err)
	}
	f.lines, f.size = f.lines+1, f.size+int64(len(line))
	return f.lines, nil
}

// Read gives the records behind a position.
func (f *File) Read(_ context.Context, after uint64) ([]Entry, error) {
	<-f.turn
	defer func() { f.turn <- struct{}{} }()
	if f.broken != nil {
		return nil, fmt.Errorf("journal is broken; start again: %w", f.broken)
	}
	if after == f.lines {
		return nil, nil
	}
	entries, _, err := f.scan()
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	return entries[min(after, uint64(len(entries))):], nil
}

// Close lets the file go.
func (f *File) Close() error {
	<-f.turn
	defer func() { f.turn <- struct{}{} }()
	f.broken = os.ErrClosed
	return f.file.Close()
}
