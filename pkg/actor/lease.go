package actor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Bounds of leases.
const (
	leaseBucket = "OWNERS"
	leaseTTL    = 3 * time.Second // after its holder's last sign of life a lease is free
	leaseRenew  = leaseTTL / 3
	leasePoll   = leaseTTL / 4 // of a spare that waits, beside the watch that tells it at once
)

// HeldError reports a lease that somebody else holds.
type HeldError struct{ Name, Holder string }

func (e *HeldError) Error() string {
	return fmt.Sprintf("%s is owned by %s; stop that process, or start this one without --exclusive to wait as a spare", e.Name, e.Holder)
}

// Leases say who may claim a family of events. The lease is for liveness: it keeps two processes from claiming from each
// other again and again. What keeps the log whole is the fence, and a holder that has lost its lease without knowing it
// is stopped by that.
type Leases struct {
	kv       jetstream.KeyValue
	js       jetstream.JetStream
	replicas int
	owner    string
	log      *slog.Logger
}

// ProcessName is what a process is called where nobody has named it: host name and process id, with instead where the host has no name.
func ProcessName(instead string) string {
	host, err := os.Hostname()
	if err != nil {
		host = instead
	}
	return host + "-" + strconv.Itoa(os.Getpid())
}

// OpenLeases opens the bucket of leases, making it where it is missing. owner is the name of this process.
func OpenLeases(ctx context.Context, js jetstream.JetStream, replicas int, owner string, log *slog.Logger) (*Leases, error) {
	kv, err := openBucket(ctx, js, replicas)
	if err != nil {
		return nil, fmt.Errorf("open leases: %w", err)
	}
	return &Leases{kv: kv, js: js, replicas: replicas, owner: owner, log: log}, nil
}

func openBucket(ctx context.Context, js jetstream.JetStream, replicas int) (jetstream.KeyValue, error) {
	return js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: leaseBucket, Description: "who owns which family of events", History: 1, Storage: jetstream.MemoryStorage,
		Replicas: replicas, LimitMarkerTTL: leaseTTL,
	})
}

// reopen makes the bucket again: a server that starts anew does not have it any more.
func (l *Leases) reopen(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, leaseTTL)
	defer cancel()
	_, err := openBucket(ctx, l.js, l.replicas)
	return err
}

// Lease is the right to claim, for as long as its context lives.
type Lease struct {
	// Context ends when the lease is lost, and with the context that it was asked with.
	Context context.Context

	l    *Leases
	name string
	rev  uint64
	stop context.CancelFunc
	done chan struct{}
}

// Hold waits until this process holds the lease of name, and keeps it until Release or until it is lost. With exclusive it
// waits only as long as somebody who has died still seems to hold it: a lease that is held beyond that is a *HeldError. spare is
// told of each holder that is waited for; nil tells nobody.
func (l *Leases) Hold(ctx context.Context, name string, exclusive bool, spare func(holder string)) (*Lease, error) {
	began := time.Now()
	for told := ""; ; {
		asked := time.Now()
		rev, err := l.kv.Create(ctx, name, []byte(l.owner), jetstream.KeyTTL(leaseTTL))
		if err == nil {
			return l.held(ctx, name, rev, asked), nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if errors.Is(err, jetstream.ErrKeyExists) {
			holder := l.holder(ctx, name)
			if exclusive && holder != "" && time.Since(began) > leaseTTL {
				return nil, &HeldError{Name: name, Holder: holder}
			}
			if holder != told {
				l.log.Info("waiting as a spare", "lease", name, "holder", holder)
				if told = holder; spare != nil {
					spare(holder)
				}
			}
		} else {
			l.log.Warn("lease not obtained, asking again", "lease", name, "error", err, "bucket_error", l.reopen(ctx))
		}
		if err := l.freed(ctx, name); err != nil {
			return nil, err
		}
	}
}

// Own has work done whenever this process holds the lease of name, in a context that ends when the lease is lost, and waits as a spare
// meanwhile, see Hold. It ends with ctx, which is no error, or with an error of work; that another owner has replaced it is none.
func (l *Leases) Own(ctx context.Context, name string, exclusive bool, spare func(holder string), work func(context.Context) error) error {
	for ctx.Err() == nil {
		lease, err := l.Hold(ctx, name, exclusive, spare)
		if err != nil && ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("own %s: %w", name, err)
		}
		err = work(lease.Context)
		lease.Release()
		if errors.Is(err, ErrReplaced) {
			l.log.Warn("another process has taken over; waiting as a spare", "lease", name)
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (l *Leases) holder(ctx context.Context, name string) string {
	e, err := l.kv.Get(ctx, name)
	if err != nil {
		return ""
	}
	return string(e.Value())
}

// freed waits until the lease may be free: its holder has let go, it has run out, or some time has passed.
func (l *Leases) freed(ctx context.Context, name string) error {
	wait, cancel := context.WithTimeout(ctx, leasePoll)
	defer cancel()
	w, err := l.kv.Watch(wait, name, jetstream.UpdatesOnly())
	if err != nil {
		return pause(ctx, leasePoll)
	}
	defer w.Stop()
	for {
		select {
		case e := <-w.Updates():
			if e != nil && e.Operation() != jetstream.KeyValuePut {
				return nil
			}
			if e == nil {
				if err := pause(wait, leasePoll); err != nil && ctx.Err() == nil {
					return nil
				}
				return ctx.Err()
			}
		case <-wait.Done():
			return ctx.Err()
		}
	}
}

func (l *Leases) held(ctx context.Context, name string, rev uint64, asked time.Time) *Lease {
	life, stop := context.WithCancel(ctx)
	s := &Lease{Context: life, l: l, name: name, rev: rev, stop: stop, done: make(chan struct{})}
	go s.keep(asked)
	return s
}

// keep renews the lease until it is released or lost. It counts from before the last renewal that worked was sent, on the
// monotonic clock: the broker cannot have counted from earlier.
func (s *Lease) keep(renewed time.Time) {
	defer close(s.done)
	defer s.stop()
	for {
		if pause(s.Context, leaseRenew) != nil {
			return
		}
		asked := time.Now()
		wait, cancel := context.WithDeadline(s.Context, renewed.Add(leaseTTL))
		rev, err := s.renew(wait)
		cancel()
		switch {
		case err == nil:
			s.rev, renewed = rev, asked
		case s.Context.Err() != nil:
			return
		case code(err) == errWrongLast, time.Since(renewed) >= leaseTTL:
			s.l.log.Warn("lease lost", "lease", s.name, "error", err)
			return
		}
	}
}

// renew writes the key again with a new time to live, unless somebody else has written it. The key-value interface has no
// update with a time to live, so the message is published as it would.
func (s *Lease) renew(ctx context.Context) (uint64, error) {
	m := nats.NewMsg("$KV." + leaseBucket + "." + s.name)
	m.Data = []byte(s.l.owner)
	m.Header.Set("Nats-Expected-Last-Subject-Sequence", strconv.FormatUint(s.rev, 10))
	ack, err := s.l.js.PublishMsg(ctx, m, jetstream.WithMsgTTL(leaseTTL), jetstream.WithRetryAttempts(0))
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

// Release lets the lease go, so that a spare takes over at once. What the owner did must have ended before.
func (s *Lease) Release() {
	lost := s.Context.Err() != nil
	s.stop()
	<-s.done
	if lost && s.rev == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), leaseRenew)
	defer cancel()
	if err := s.l.kv.Delete(ctx, s.name, jetstream.LastRevision(s.rev)); err != nil && code(err) != errWrongLast {
		s.l.log.Warn("lease not released; it runs out by itself", "lease", s.name, "error", err)
	}
}
