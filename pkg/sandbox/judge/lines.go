package judge

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// maxLine bounds one line of either record. A message of the bus is at most 64 KiB and a venue's page of orders a
// few hundred; what is longer is not a record of a run, and must not take the judge's memory.
const maxLine = 16 << 20

// eachLine hands every non-blank line to take, in order; lines longer than maxLine are handed to refuse by number
// alone. It returns what the reader failed with.
func eachLine(r io.Reader, take func(n int, line []byte), refuse func(n int)) error {
	in := bufio.NewReaderSize(r, 256<<10)
	var line []byte
	for n, over := 1, false; ; {
		part, err := in.ReadSlice('\n')
		if over = over || len(line)+len(part) > maxLine; over {
			line = line[:0]
		} else {
			line = append(line, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if over {
			refuse(n)
		} else if b := bytes.TrimSpace(line); len(b) > 0 {
			take(n, b)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		line, over = line[:0], false
		n++
	}
}
