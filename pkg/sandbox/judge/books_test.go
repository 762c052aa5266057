package judge

import (
	"strings"
	"testing"
)

// booksCase is a chain with two transactions of main's wallet, and what main's ledger told of them.
func booksCase() (chain, told []string) {
	chain = []string{
		`{"kind":"transfer","tx_hash":"0xa","asset":"pUSD","from":"0x0","to":"0xF1","amount":"1000000000"}`,
		`{"kind":"transfer","tx_hash":"0xb","asset":"pUSD","from":"0xf1","to":"0xe","amount":"5200000"}`,
		`{"kind":"transfer","tx_hash":"0xb","token_id":"77","from":"0xe","to":"0xf1","amount":"10000000"}`,
		`{"kind":"transfer","tx_hash":"0xb","token_id":"77","from":"0xe","to":"0xbb","amount":"1"}`,
		`{"kind":"order_filled","tx_hash":"0xb","maker":"0xf1","making":"5200000"}`,
	}
	told = []string{
		`{"type":"ledger.balance","n":1,"asset":"pUSD","token_id":null,"balance":"1000","change":"1000","ref":{"tx_hash":"0xa"}}`,
		`{"type":"ledger.balance","n":2,"asset":"pUSD","token_id":null,"balance":"994.8","change":"-5.2","ref":{"tx_hash":"0xb"}}`,
		`{"type":"ledger.balance","n":3,"asset":"share","token_id":"77","balance":"10","change":"10","ref":{"tx_hash":"0xb"}}`,
		`{"type":"ledger.reconciled","n":4,"asset":"pUSD"}`,
	}
	return chain, told
}

func judgeBooks(t *testing.T, chain, told []string) Books {
	t.Helper()
	meta := `{"kind":"meta","at_us":1,"env":"sandbox","accounts":[{"name":"main","address":"0xA1","funder":"0xF1","signature_type":1}],"markets":[]}`
	record := `{"stream":"LOG_main","subject":"evt.ledger.main","seq":1,"stored_us":1,"data":"` +
		strings.ReplaceAll(`{"events":[`+strings.Join(told, ",")+`]}`, `"`, `\"`) + `"}`
	b, err := JudgeBooks(strings.NewReader(meta), strings.NewReader(strings.Join(chain, "\n")), strings.NewReader(record), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBooksThatFollowTheChainAreInOrder(t *testing.T) {
	chain, told := booksCase()
	if b := judgeBooks(t, chain, told); b.Transactions != 2 || b.Discrepancies != 0 {
		t.Errorf("%+v", b)
	}
}

// What a wallet sends to itself leaves it with what it had, and nothing has to be told.
func TestTransferToOneselfMovesNothing(t *testing.T) {
	chain, told := booksCase()
	chain = append(chain, `{"kind":"transfer","tx_hash":"0xc","asset":"pUSD","from":"0xf1","to":"0xf1","amount":"7"}`)
	if b := judgeBooks(t, chain, told); b.Discrepancies != 0 {
		t.Errorf("%+v", b)
	}
}

// Each kind of wrong books is charged, and only with what is wrong.
func TestWrongBooksAreCharged(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(chain, told []string) ([]string, []string)
		want  int
	}{
		"the transfers are a journal": {func(chain, told []string) ([]string, []string) {
			return append(chain, `{"kind":"request","id":1}`), told
		}, 1},
		"a change is not told": {func(c, b []string) ([]string, []string) {
			return c, []string{b[0], b[1], strings.Replace(b[3], `"n":4`, `"n":3`, 1)}
		}, 1},
		"a change is told twice": {func(c, b []string) ([]string, []string) {
			return c, append(b, strings.NewReplacer(`"n":3`, `"n":5`, `"balance":"10"`, `"balance":"20"`).Replace(b[2]))
		}, 1},
		"a change is told otherwise": {func(c, b []string) ([]string, []string) {
			b[1] = strings.NewReplacer("-5.2", "-5.3", "994.8", "994.7").Replace(b[1])
			return c, b
		}, 1},
		"by a millionth": {func(c, b []string) ([]string, []string) {
			b[1] = strings.NewReplacer("-5.2", "-5.200001", "994.8", "994.799999").Replace(b[1])
			return c, b
		}, 1},
		"a balance does not follow": {func(c, b []string) ([]string, []string) {
			b[1] = strings.Replace(b[1], "994.8", "994.9", 1)
			return c, b
		}, 1},
		"a transaction that never was": {func(c, b []string) ([]string, []string) { return c[:1], b }, 2},
		"a gap": {func(c, b []string) ([]string, []string) {
			b[3] = strings.Replace(b[3], `"n":4`, `"n":5`, 1)
			return c, b
		}, 1},
		"told by itself": {func(c, b []string) ([]string, []string) {
			return c, append(b, `{"type":"ledger.discrepancy","n":5,"asset":"pUSD"}`)
		}, 1},
		"an unreadable transfer": {func(c, b []string) ([]string, []string) { return append(c, `{"kind":"transfer","amount":"x"}`), b }, 1},
		"nothing told":           {func(c, b []string) ([]string, []string) { return c, nil }, 3},
	} {
		chain, told := c.spoil(booksCase())
		if b := judgeBooks(t, chain, told); b.Discrepancies != c.want {
			t.Errorf("%s: %d discrepancies, want %d: %+v", name, b.Discrepancies, c.want, b.Findings)
		}
	}
}
