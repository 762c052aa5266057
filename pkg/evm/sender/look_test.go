package sender

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"sluice/pkg/evm"
)

// parrot answers every question with the same result, but for that after the chain.
type parrot struct{ result string }

func (p parrot) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	type question struct {
		ID     json.RawMessage
		Method string
	}
	say := func(q question) string {
		if q.Method == "eth_chainId" {
			return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":"0x89"}`, q.ID)
		}
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, q.ID, p.result)
	}
	var one question
	var out bytes.Buffer
	if json.Unmarshal(body, &one) == nil {
		out.WriteString(say(one))
	} else {
		var all []question
		if err := json.Unmarshal(body, &all); err != nil {
			return nil, err
		}
		for i, q := range all {
			out.WriteString(map[bool]string{true: "[", false: ","}[i == 0] + say(q))
		}
		out.WriteString("]")
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(&out), Header: http.Header{}, Request: r}, nil
}

// Whatever an endpoint answers, looking ends in a sight or an error.
func FuzzLook(f *testing.F) {
	f.Add(`"0x10"`)
	f.Add(`{"number":"0x10","hash":"0x0100000000000000000000000000000000000000000000000000000000000000","timestamp":"0x1","baseFeePerGas":"0x1"}`)
	f.Add(`{"blockNumber":"0x10","blockHash":"0x0100000000000000000000000000000000000000000000000000000000000000","status":"0x1","gasUsed":"0x1"}`)
	f.Add(`null`)
	f.Add(`[]`)
	f.Add(`0},{"id":1`)
	f.Fuzz(func(t *testing.T, result string) {
		pool, err := evm.NewPool(evm.PoolConfig{Endpoints: []evm.Endpoint{{URL: "http://n0/"}}, HTTP: &http.Client{Transport: parrot{result}}})
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		s, err := look(t.Context(), pool, common.Address{1}, []common.Hash{{1}, {2}})
		if err == nil && s.Head == 0 && s.HeadAt.IsZero() {
			t.Errorf("%s is taken for a chain", result)
		}
	})
}
