package msgstest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// mostFaults bounds what CheckRecord tells: one mistake in an event comes back in every event of its kind.
const mostFaults = 10

// CheckRecord judges each message of a record of the bus, as sluice judge --record writes it, but for subjects that leave names. It
// says how many it has judged, and what is wrong with the first of those that do not hold.
func (v *Validator) CheckRecord(record io.Reader, leave func(subject string) bool) (checked int, err error) {
	var faults []error
	for d := json.NewDecoder(record); ; {
		var l struct {
			Stream, Subject, Data string
			Seq                   uint64
		}
		if err := d.Decode(&l); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return checked, fmt.Errorf("read record: %w", err)
		}
		if leave(l.Subject) {
			continue
		}
		checked++
		if err := v.CheckSubject(l.Subject, []byte(l.Data)); err != nil && len(faults) < mostFaults {
			faults = append(faults, fmt.Errorf("%s:%d: %w in %s", l.Stream, l.Seq, err, l.Data))
		}
	}
	return checked, errors.Join(faults...)
}
