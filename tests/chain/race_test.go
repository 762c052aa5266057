package chain

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/big"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"sluice/pkg/evm"
	"sluice/pkg/evm/sender"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox/chain"
)

const (
	// raceBlock is how long a block takes, in the races as on Polygon.
	raceBlock = 2 * time.Second
	// raceSpread is by how much the two who bring a payload are apart at most.
	raceSpread = 30 * time.Second
	// races is how many are run each way.
	races = 120
	// lostGas is more than a lost race takes: some 45,500 were measured, and replacing a Safe's payload would take more.
	lostGas = 50_000
)

// track is a chain with the real Safe, in virtual time, on which the relayer and the owner bring the same signed payloads.
type track struct {
	*testing.T
	chain     *chain.Chain
	contracts polymarket.Contracts
	key       *polymarket.Key
	safe      polymarket.Address
	friend    polymarket.Address // who gets what payloads pay, and nothing else
	sender    *sender.Sender
}

// inRace runs f on a track in virtual time.
func inRace(t *testing.T, code map[string][]byte, f func(*track)) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(code)
		cfg.BlockEvery = raceBlock
		c, err := chain.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		contracts, err := polymarket.ContractsOn(polymarket.Polygon)
		if err != nil {
			t.Fatal(err)
		}
		k := &track{T: t, chain: c, contracts: contracts, key: polymarket.KeyFrom(ownerKey()), friend: polymarket.Address{0xf7}}
		k.safe = contracts.SafeWallet(k.key.Address())
		pool, err := evm.NewPool(evm.PoolConfig{Endpoints: []evm.Endpoint{{URL: "http://node"}}, HTTP: &http.Client{Transport: wire{c.Endpoint()}}})
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		k.sender, err = sender.New(sender.Config{Pool: pool, Journal: &sender.Memory{}, Signer: k.key, Allow: func(to common.Address, data []byte) error {
			return contracts.VetOwnGas(k.key.Address(), polymarket.Call{To: to, Data: data}, k.policy().Allow)
		}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- k.sender.Run(ctx) }()
		time.Sleep(5*raceBlock + raceBlock/2) // some blocks are final, and nothing happens at the moment of one
		f(k)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// wire asks a node without a connection.
type wire struct{ node http.Handler }

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	rec := httptest.NewRecorder()
	w.node.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body)))
	return rec.Result(), nil
}

func (k *track) policy() polymarket.Policy {
	return polymarket.Policy{Contracts: k.contracts, Wallet: k.safe, SendTo: []polymarket.Address{k.friend}}
}

// payload is what both bring: the owner signs once that the friend gets so many dollars at a nonce of the Safe.
func (k *track) payload(nonce uint64, dollars int64) polymarket.SignedSafeTx {
	k.Helper()
	tx := polymarket.SafeTx{ChainID: polymarket.Polygon, Safe: k.safe, Nonce: nonce, Call: k.contracts.Transfer(k.contracts.Collateral, k.friend, polymarket.Units(dollars*dollar))}
	signed, err := polymarket.SignSafeTx(k.key, tx, k.policy().Allow)
	if err != nil {
		k.Fatal(err)
	}
	return signed
}

// relay brings a payload as the relayer does, without looking ahead.
func (k *track) relay(p polymarket.SignedSafeTx, tip int64) common.Hash {
	k.Helper()
	call := p.OwnGas()
	tx, err := types.SignNewTx(chain.WorkerKey(), types.LatestSignerForChainID(big.NewInt(chain.ID)), &types.DynamicFeeTx{
		ChainID: big.NewInt(chain.ID), Nonce: k.chain.Nonce(chain.Worker()), GasTipCap: gwei(tip), GasFeeCap: gwei(1000), Gas: 500_000, To: &call.To, Data: call.Data,
	})
	if err == nil {
		err = k.chain.Send(tx)
	}
	if err != nil {
		k.Fatal(err)
	}
	return tx.Hash()
}

// bring has the owner bring it. With look, the sender asks the chain first and reports what the Safe would refuse.
func (k *track) bring(id string, p polymarket.SignedSafeTx, look bool) error {
	k.Helper()
	call := p.OwnGas()
	i := sender.Intent{ID: id, To: call.To, Data: call.Data}
	if !look {
		i.Gas = 300_000
	}
	err := k.sender.Submit(k.Context(), i)
	if e, refused := errors.AsType[*evm.Error](err); refused && e.Kind == evm.Reverted && strings.Contains(e.Error(), "GS026") {
		return e
	}
	if err != nil {
		k.Fatal(err)
	}
	return nil
}

// paid is what the friend has, in dollars.
func (k *track) paid() int64 { return k.chain.PUSD(k.friend).Int64() / dollar }

// succeeded says how a transaction ended that is in a block.
func (k *track) succeeded(hash common.Hash) bool {
	k.Helper()
	r := k.chain.Receipt(hash)
	if r == nil {
		k.Fatalf("%s is in no block", hash)
	}
	return r.Status == types.ReceiptStatusSuccessful
}

// lost wants a transaction of the owner to have failed with GS026 and to have cost what it used, and nothing else.
func (k *track) lost(r sender.Result, before *big.Int) {
	k.Helper()
	in := k.chain.Receipt(r.Hash)
	cost := new(big.Int).Mul(in.EffectiveGasPrice, new(big.Int).SetUint64(in.GasUsed))
	if r.GasUsed > lostGas || len(in.Logs) != 0 || r.Cost.Big().Cmp(cost) != 0 {
		k.Errorf("a lost race took %d gas, left %d logs, cost %s of %s wei", r.GasUsed, len(in.Logs), r.Cost, cost)
	}
	if left := k.chain.Balance(k.key.Address()); new(big.Int).Add(left, cost).Cmp(before) != 0 {
		k.Errorf("the owner had %s wei and has %s, after a cost of %s", before, left, cost)
	}
}

// TestOnePayloadInOneBlockSucceedsOnce has the relayer and the owner bring the same signed payload for the same block, either first,
// on the real Safe: one succeeds, the other reverts with GS026 and costs its gas alone.
func TestOnePayloadInOneBlockSucceedsOnce(t *testing.T) {
	code := realCode(t, install(t, "."))
	for name, tip := range map[string]int64{"relayer first": 100, "owner first": 25} {
		t.Run(name, func(t *testing.T) {
			inRace(t, code, func(k *track) {
				before, owner := k.chain.Balance(k.key.Address()), crypto.PubkeyToAddress(ownerKey().PublicKey)
				p := k.payload(0, 7)
				theirs := k.relay(p, tip)
				if err := k.bring("unit", p, true); err != nil {
					k.Fatalf("nothing is mined yet, and reading ahead finds %v", err)
				}
				ours, err := k.sender.Wait(k.Context(), "unit")
				if err != nil {
					k.Fatal(err)
				}
				if in := k.chain.Receipt(theirs); in == nil || in.BlockHash != ours.BlockHash {
					k.Fatalf("the two are not in one block")
				}
				won := ours.Outcome == sender.Executed
				if won == k.succeeded(theirs) || won != (tip == 25) || k.paid() != 7 {
					k.Errorf("the owner's: %s, the relayer's succeeded: %t, the friend has %d dollars", ours.Outcome, k.succeeded(theirs), k.paid())
				}
				if !won {
					k.lost(ours, before)
				}
				call := p.OwnGas()
				if _, err := k.chain.Call(chain.Call{From: owner, To: &call.To, Data: call.Data}); err == nil || !strings.Contains(err.Error(), "GS026") {
					k.Errorf("what is used up says %v", err)
				}
			})
		})
	}
}

// tally is how races ended for the owner.
type tally struct {
	won     int // the owner's transaction performed the payload
	lost    int // it reverted, and its gas is paid
	avoided int // it was not sent: reading ahead showed that the relayer's had performed it
}

// TestReadingAheadAvoidsLostRaces runs the same races twice on the real Safe: with the sender's look before it takes a transaction
// on, and without. The relayer lands each payload within half a minute before or after the owner brings it. Each is performed
// once in both, and with the look nine losses of ten are not paid for.
func TestReadingAheadAvoidsLostRaces(t *testing.T) {
	code := realCode(t, install(t, "."))
	var blind, looking tally
	inRace(t, code, func(k *track) { blind = k.races(false) })
	inRace(t, code, func(k *track) { looking = k.races(true) })
	t.Logf("%d races, the relayer up to %v before or after: without a look %d lost; with it %d lost, %d not sent", races, raceSpread, blind.lost, looking.lost, looking.avoided)
	if blind.lost < races/4 || blind.avoided > 0 {
		t.Errorf("too few races are lost without a look for the comparison to mean anything: %+v", blind)
	}
	if 10*looking.lost > blind.lost {
		t.Errorf("%d of %d losses remain with a look, want a tenth at most", looking.lost, blind.lost)
	}
}

func (k *track) races(look bool) (n tally) {
	rng := rand.New(rand.NewPCG(137, 26))
	for i := range uint64(races) {
		apart, tip := time.Duration(rng.Int64N(int64(2*raceSpread)))-raceSpread, 25+rng.Int64N(40) // the owner offers 30
		p, had, before := k.payload(i, 1), k.paid(), k.chain.Balance(k.key.Address())
		id := p.Hash().Hex()
		var refused error
		if apart < 0 {
			k.relay(p, tip)
			time.Sleep(-apart)
			refused = k.bring(id, p, look)
		} else {
			refused = k.bring(id, p, look)
			time.Sleep(apart)
			k.relay(p, tip)
		}
		time.Sleep(6 * raceBlock) // until it is final
		if got := k.paid() - had; got != 1 {
			k.Fatalf("race %d, look %t: %d dollars were paid, want 1", i, look, got)
		}
		if refused != nil {
			n.avoided++
			continue
		}
		r, err := k.sender.Wait(k.Context(), id)
		if err != nil {
			k.Fatal(err)
		}
		if r.Outcome == sender.Executed {
			n.won++
			continue
		}
		n.lost++
		k.lost(r, before)
	}
	return n
}
