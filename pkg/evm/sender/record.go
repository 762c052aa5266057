package sender

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"sluice/pkg/evm"
)

// recordVersion is the version of the format. Fields may be added to it, none taken away.
const recordVersion = 1

// maxRecord bounds one record in bytes: a transaction may have 128 KiB, in hexadecimal, twice.
const maxRecord = 1 << 20

// The types of records.
const (
	// typeClaimed: a process has become the only writer.
	typeClaimed = "claimed"
	// typeIntended: a call was taken on. It will be made once, or its end said.
	typeIntended = "intended"
	// typeSigned: an attempt exists. It may have been sent from now on.
	typeSigned = "signed"
	// typeVoiding: the intent is not wanted any more. One of its attempts may be mined all the same.
	typeVoiding = "voiding"
	// typeEnded: final.
	typeEnded = "ended"
	// typeTaken: the chain has used the nonce finally for something that is not ours.
	typeTaken = "taken"
	// typeResumed: a person has looked, and what lost its nonce may have another.
	typeResumed = "resumed"
)

// Record is one line of the journal. Which fields it has depends on its type.
type Record struct {
	V      int    `json:"v"`
	Type   string `json:"type"`
	Writer string `json:"writer"` // of the process, never the same twice
	Seq    uint64 `json:"seq"`    // counts the writer's records
	After  uint64 `json:"after"`  // the position of the record before, so that a missing one is seen
	AtMS   int64  `json:"at_ms"`

	// claimed
	Account *common.Address `json:"account,omitempty"`
	ChainID uint64          `json:"chain_id,omitempty"`

	// all others
	ID    string          `json:"id,omitempty"`
	To    *common.Address `json:"to,omitempty"`
	Data  hexutil.Bytes   `json:"data,omitempty"`
	Gas   uint64          `json:"gas,omitempty"`
	Nonce uint64          `json:"nonce,omitempty"`
	Cause string          `json:"cause,omitempty"`

	// signed
	Hash common.Hash   `json:"hash,omitzero"` // also of ended: what was mined
	Raw  hexutil.Bytes `json:"raw,omitempty"`
	Tip  evm.Wei       `json:"tip,omitzero"`
	Cap  evm.Wei       `json:"cap,omitzero"`
	Void bool          `json:"void,omitempty"` // also of ended

	// ended
	Status    bool        `json:"status,omitempty"`
	Block     uint64      `json:"block,omitempty"`
	BlockHash common.Hash `json:"block_hash,omitzero"`
	GasUsed   uint64      `json:"gas_used,omitempty"`
	Price     evm.Wei     `json:"price,omitzero"`
}

func (r Record) at() time.Time { return time.UnixMilli(r.AtMS) }

// encode writes a record as one line.
func (r Record) encode() ([]byte, error) {
	r.V = recordVersion
	b, err := json.Marshal(r)
	if err == nil && len(b) > maxRecord {
		err = fmt.Errorf("it has %d bytes, at most %d fit", len(b), maxRecord)
	}
	if err != nil {
		return nil, fmt.Errorf("encode %s record of %q: %w", r.Type, r.ID, err)
	}
	return b, nil
}

// decode reads a record. Unknown fields are those of a newer version, and are passed over; an unknown type is an error,
// because what it says might matter.
func decode(b []byte) (Record, error) {
	var r Record
	if err := json.Unmarshal(bytes.TrimSpace(b), &r); err != nil {
		return r, fmt.Errorf("decode record: %w", err)
	}
	if r.V != recordVersion {
		return r, fmt.Errorf("decode record: it is of version %d, and this program knows %d: use the program that wrote it", r.V, recordVersion)
	}
	if err := r.check(); err != nil {
		return r, fmt.Errorf("decode %s record: %w", r.Type, err)
	}
	return r, nil
}

func (r Record) check() error {
	var missing error
	switch r.Type {
	case typeClaimed:
		if r.Account == nil || r.ChainID == 0 {
			missing = errors.New("it names no account and chain")
		}
	case typeIntended:
		if r.ID == "" || r.To == nil || r.Gas == 0 {
			missing = errors.New("it has no id, target or gas")
		}
	case typeSigned:
		if r.Nonce == math.MaxUint64 {
			return errors.New("no account can have this nonce")
		}
		if r.ID == "" || len(r.Raw) == 0 || r.Gas == 0 || r.Hash == (common.Hash{}) {
			missing = errors.New("it has no id, bytes, gas or hash")
		}
	case typeVoiding, typeEnded, typeTaken:
		if r.ID == "" {
			missing = errors.New("it has no id")
		}
	case typeResumed:
	default:
		return fmt.Errorf("unknown type %q: use the program that wrote it", clip(r.Type))
	}
	return missing
}

// clip bounds what is quoted.
func clip(s string) string { return s[:min(len(s), 100)] }
