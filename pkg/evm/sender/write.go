package sender

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// write puts a record into the journal and then into the box. When it is not known whether it was written, the journal is
// read; until that succeeds nothing more is decided.
func (s *Sender) write(ctx context.Context, r Record) error {
	s.seq++
	r.Writer, r.Seq, r.After, r.AtMS = s.writer, s.seq, s.at, time.Now().UnixMilli()
	b, err := r.encode()
	if err != nil {
		return err
	}
	s.cfg.Passing(BeforeRecord)
	at, err := s.cfg.Journal.Append(ctx, s.at, b)
	if err == nil {
		s.at = at
		s.cfg.Passing(AfterRecord)
		s.apply(r)
		return nil
	}
	s.behind = true
	found := s.catchUp(ctx)
	switch {
	case found != nil:
		return errors.Join(fmt.Errorf("write %s record of %q: %w", r.Type, r.ID, err), found)
	case s.found == r.Seq:
		return nil // only the acknowledgement was lost
	}
	return fmt.Errorf("write %s record of %q: %w", r.Type, r.ID, err)
}

// catchUp applies what the journal holds and the box has not. A record of another writer means that we were replaced.
func (s *Sender) catchUp(ctx context.Context) error {
	err := s.read(ctx, func(r Record) error {
		if r.Writer != s.writer {
			return ErrReplaced
		}
		s.found = r.Seq
		return nil
	})
	if err == nil {
		s.behind = false
	}
	return err
}

func (s *Sender) read(ctx context.Context, see func(Record) error) error {
	entries, err := s.cfg.Journal.Read(ctx, s.at)
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	for _, e := range entries {
		r, err := decode(e.Record)
		if err != nil {
			return fmt.Errorf("record %d of the journal: %w", e.At, err)
		}
		if r.After != s.at {
			return fmt.Errorf("record %d of the journal follows %d, and what is there is %d: records are missing, so what was sent is not known; restore the journal", e.At, r.After, s.at)
		}
		if err := see(r); err != nil {
			return err
		}
		s.at = e.At
		s.apply(r)
	}
	return nil
}

// apply takes a record in and tells who waits.
func (s *Sender) apply(r Record) {
	s.box.Apply(r)
	s.tellRecord(r)
	done, ok := s.box.done[r.ID]
	if !ok {
		return
	}
	for _, c := range s.waiting[r.ID] {
		c <- done
	}
	delete(s.waiting, r.ID)
}
