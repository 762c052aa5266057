package polymarket

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/crypto"
	"github.com/holiman/uint256"
)

// specimens are values of every method, with lists of several lengths. The vectors' signatures find their type here.
func specimens() []Method {
	a, b := Address{1, 2, 3}, Address{0xff, 19: 9}
	h, big := Hash{0xab, 31: 0xcd}, MaxAllowance()
	two := []uint256.Int{*uint256.NewInt(1), *uint256.NewInt(2)}
	calls := []Call{{To: a, Data: []byte{1}}, {To: b, Value: Units(7), Data: bytes.Repeat([]byte{5}, 33)}, {To: b, Data: []byte{}}}
	batch := WalletBatch{Wallet: a, Nonce: 3, Deadline: 1 << 40, Calls: []Call{{To: b, Value: big, Data: []byte("x")}, {To: a, Data: bytes.Repeat([]byte{1}, 64)}}}
	return []Method{
		ApproveERC20{a, big}, ApproveAll{b, true}, ApproveAll{b, false}, TransferERC20{a, Units(25)},
		TransferToken{a, b, TokenID{9, 31: 1}, Units(5), []byte{}}, TransferToken{a, b, TokenID{}, big, []byte("hello")},
		TransferTokens{a, b, []TokenID{{1}, {2}}, two, []byte{1, 2, 3}}, TransferTokens{a, b, []TokenID{}, []uint256.Int{}, []byte{}},
		BalanceOf{a}, AllowanceOf{a, b}, TokenBalance{b, TokenID{1}}, TokenBalances{[]Address{a, b}, []TokenID{{1}, {2}}}, ApprovedForAll{a, b},
		SplitPosition{a, Hash{}, h, two, Units(3)}, MergePositions{a, h, h, two[:1], big}, RedeemPositions{a, Hash{}, h, two},
		NegRiskSplit{h, Units(1)}, NegRiskMerge{h, Units(2)}, NegRiskRedeem{h, two}, ConvertPositions{h, Units(3), big},
		Wrap{a, b, Units(4)}, Unwrap{b, a, big}, RouterSplit{ProtocolID{1, 30: 7}, Units(1)}, RouterMerge{ProtocolID{2}, Units(1)},
		RouterRedeem{ProtocolID{3}, Units(1), Units(2)}, PrepareCondition{two},
		CreateProxy{a, Units(1), b, [signatureLen]byte{1, 32: 2, 64: 27}}, MultiSend{calls}, MultiSend{[]Call{{To: a, Data: []byte{}, Operation: DelegateCall}}},
		ExecTransaction{Call{a, Units(1), []byte("data"), DelegateCall}, Units(1), Units(2), Units(3), a, b, bytes.Repeat([]byte{1}, 65)},
		ProxyCalls{calls}, ProxyCalls{[]Call{{To: a, Data: []byte{}, Operation: DelegateCall}}},
		DepositProxy{[]WalletBatch{batch, {Wallet: b, Calls: []Call{{Data: []byte{}}}}}, [][]byte{{1}, bytes.Repeat([]byte{2}, 65)}}, WalletNonce{}, HubNonce{a},
		RelayCall{a, b, []byte("x"), Units(0), Units(1), Units(2), Units(3), bytes.Repeat([]byte{4}, 65), []byte{}},
	}
}

// TestCalldataEqualsAnotherEncoder fills each vector's arguments into the type of its signature and reads its data back.
func TestCalldataEqualsAnotherEncoder(t *testing.T) {
	f := vectors[struct {
		Vectors []struct {
			Signature, Selector, Data string
			Args                      []json.RawMessage
		}
	}](t, "calldata.json")
	for _, v := range some(t, f.Vectors) {
		name := v.Signature
		if slices.Contains(ownGasCalls(), name) {
			name = "S2-53 " + name
		}
		t.Run(name, func(t *testing.T) {
			want := vectorMethod(t, v.Signature, v.Args)
			if got := hex0x(want.Calldata()); got != v.Data {
				t.Errorf("it is written %s, want %s", got, v.Data)
			}
			if got := hex0x(want.Calldata()[:4]); got != v.Selector {
				t.Errorf("selector %s, want %s", got, v.Selector)
			}
			if got, err := DecodeCalldata(unhex(t, v.Data)); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("it is read as %+v, %v; want %+v", got, err, want)
			}
		})
	}
}

// ownGasCalls are the calls that an owner makes by itself when the relayer does not.
func ownGasCalls() []string {
	return []string{"approve(address,uint256)", "splitPosition(address,bytes32,bytes32,uint256[],uint256)", "mergePositions(address,bytes32,bytes32,uint256[],uint256)"}
}

// vectorMethod sets the fields of the method with that signature, in order.
func vectorMethod(t *testing.T, signature string, args []json.RawMessage) Method {
	t.Helper()
	for _, m := range specimens() {
		if m.Signature() != signature {
			continue
		}
		out := reflect.New(reflect.TypeOf(m)).Elem()
		if out.NumField() != len(args) {
			t.Fatalf("%s has %d fields, the vector %d arguments", signature, out.NumField(), len(args))
		}
		for i, raw := range args {
			setArgument(t, out.Field(i).Addr().Interface(), raw)
		}
		return out.Interface().(Method)
	}
	t.Fatalf("no method %s", signature)
	return nil
}

func setArgument(t *testing.T, to any, raw json.RawMessage) {
	t.Helper()
	text := func() (s string) {
		if err := json.Unmarshal(raw, &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	switch p := to.(type) {
	case *Address:
		*p = mustAddress(t, text())
	case *Hash:
		*p = mustHash(t, text())
	case *ProtocolID:
		*p = ProtocolID(unhex(t, text()))
	case *TokenID:
		*p = mustToken(t, text())
	case *uint256.Int:
		*p = *uint256.MustFromDecimal(text())
	case *bool:
		*p = string(raw) == "true"
	case *[]uint256.Int:
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil {
			t.Fatal(err)
		}
		*p = make([]uint256.Int, len(list))
		for i, e := range list {
			setArgument(t, &(*p)[i], e)
		}
	default:
		t.Fatalf("argument of type %T", to)
	}
}

func TestSelectorsAreTheHashesOfTheSignatures(t *testing.T) {
	for _, m := range specimens() {
		if want := crypto.Keccak256([]byte(m.Signature()))[:4]; !bytes.HasPrefix(m.Calldata(), want) {
			t.Errorf("%s: selector %x, want %x", m.Signature(), m.Calldata()[:4], want)
		}
	}
}

func TestEveryMethodComesBackAsItWasWritten(t *testing.T) {
	for _, m := range specimens() {
		got, err := DecodeCalldata(m.Calldata())
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%s came back as %+v, %v; want %+v", m.Signature(), got, err, m)
		}
	}
}

// TestCalldataHasOneSpelling changes, cuts and lengthens every specimen: what is still read must be another value whose own
// spelling it is. So nothing can hide in an offset, a padding or behind the end.
func TestCalldataHasOneSpelling(t *testing.T) {
	for _, m := range specimens() {
		data := m.Calldata()
		for i := selectorLen; i < len(data); i++ {
			changed := bytes.Clone(data)
			changed[i] ^= 0x20
			got, err := DecodeCalldata(changed)
			if err == nil && (reflect.DeepEqual(got, m) || !bytes.Equal(got.Calldata(), changed)) {
				t.Errorf("%s with byte %d changed is read as %+v", m.Signature(), i, got)
			}
		}
		for n := range len(data) {
			if got, err := DecodeCalldata(data[:n]); err == nil {
				t.Errorf("%s cut to %d bytes is read as %+v", m.Signature(), n, got)
			}
		}
		if got, err := DecodeCalldata(append(bytes.Clone(data), make([]byte, word)...)); err == nil {
			t.Errorf("%s with a word behind it is read as %+v", m.Signature(), got)
		}
	}
}

// TestOperationsThatDoNotExistAreRefused: a proxy wallet's type 0 does nothing and fails, and a record's length has no more than its
// lower bytes.
func TestOperationsThatDoNotExistAreRefused(t *testing.T) {
	proxy := ProxyCalls{[]Call{{To: Address{1}, Data: []byte{}}}}.Calldata()
	records := MultiSend{[]Call{{To: Address{1}, Data: []byte{}}}}.Calldata()
	kind, length := selectorLen+4*word-1, selectorLen+2*word+recordHead-word
	if proxy[kind] != proxyOperation || records[length+word-1] != 0 {
		t.Fatalf("the bytes are not where they were: %x, %x", proxy, records)
	}
	for _, code := range []byte{0, 3, 255} {
		proxy[kind] = code
		if m, err := DecodeCalldata(proxy); !errors.Is(err, ErrBadCalldata) {
			t.Errorf("type %d: %+v, %v", code, m, err)
		}
	}
	records[length] = 1
	if m, err := DecodeCalldata(records); !errors.Is(err, ErrBadCalldata) {
		t.Errorf("long record: %+v, %v", m, err)
	}
}

func TestUnknownAndTooLongCalldataIsRefused(t *testing.T) {
	if _, err := DecodeCalldata([]byte{1, 2, 3, 4}); !errors.Is(err, ErrUnknownSelector) {
		t.Errorf("unknown selector: %v", err)
	}
	long := MultiSend{[]Call{{Data: make([]byte, MaxCalldata)}}}.Calldata()
	if _, err := DecodeCalldata(long); !errors.Is(err, ErrBadCalldata) {
		t.Errorf("too long: %v", err)
	}
	if _, err := DecodeCalldata(nil); !errors.Is(err, ErrBadCalldata) {
		t.Errorf("empty: %v", err)
	}
}

func TestAnswersOfViewsAreRead(t *testing.T) {
	one := newArgs(1)
	one.uint(MaxAllowance())
	if v, err := ReadUint(one.bytes()); err != nil || v != MaxAllowance() {
		t.Errorf("number: %s, %v", v.Dec(), err)
	}
	if _, err := ReadUint(nil); err == nil {
		t.Error("a contract that is not there answered with a number")
	}
	if _, err := ReadBool(one.bytes()); err == nil {
		t.Error("a huge number is a yes")
	}
	yes := newArgs(1)
	yes.bool(true)
	if v, err := ReadBool(yes.bytes()); err != nil || !v {
		t.Errorf("yes: %v, %v", v, err)
	}
	list := newArgs(1)
	list.uints([]uint256.Int{Units(3), Units(4)})
	if v, err := ReadUints(list.bytes()); err != nil || len(v) != 2 || v[1] != Units(4) {
		t.Errorf("list: %v, %v", v, err)
	}
	elsewhere := list.bytes()
	elsewhere[word-1] ^= word
	if v, err := ReadUints(elsewhere); err == nil {
		t.Errorf("list that begins elsewhere: %v", v)
	}
	if v, err := ReadUints(append(list.bytes(), 0)); err == nil {
		t.Errorf("list with a byte behind it: %v", v)
	}
}

func FuzzDecodeCalldata(f *testing.F) {
	for _, m := range specimens() {
		f.Add(m.Calldata())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := DecodeCalldata(data)
		if err != nil {
			if m != nil || !errors.Is(err, ErrBadCalldata) && !errors.Is(err, ErrUnknownSelector) {
				t.Fatalf("%v with %+v", err, m)
			}
			return
		}
		if !bytes.Equal(m.Calldata(), data) || !strings.Contains(m.Signature(), "(") {
			t.Fatalf("%x is read as %+v", data, m)
		}
		again, err := DecodeCalldata(m.Calldata())
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("second reading: %+v, %v", again, err)
		}
	})
}
