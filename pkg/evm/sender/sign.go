package sender

import (
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
)

// Signer is a key. It prints as something else than the key.
type Signer interface {
	// Address is the key's account.
	Address() common.Address
	// SignDigest signs 32 bytes: r ‖ s ‖ v with v 27 or 28. The same digest gives the same bytes.
	SignDigest(digest common.Hash) ([]byte, error)
}

// legacyV is what a Signer adds to the recovery id, which a transaction has plain.
const legacyV = 27

// sign is the only function that has a transaction signed, and the last before it: the bounds and what may be called are
// asked once more.
func (s *Sender) sign(d Draft) (*types.Transaction, error) {
	if d.Void {
		d.To = s.cfg.Signer.Address()
	} else if err := s.cfg.Allow(d.To, d.Data); err != nil {
		return nil, fmt.Errorf("sign %q: %w: %w", d.ID, errNotAllowed, err)
	}
	if err := s.limits.check(d); err != nil {
		return nil, fmt.Errorf("sign %q: %w", d.ID, err)
	}
	tx := types.NewTx(&types.DynamicFeeTx{
		ChainID: new(big.Int).SetUint64(s.cfg.Pool.ChainID()), Nonce: d.Nonce, GasTipCap: d.Tip.Big(), GasFeeCap: d.Cap.Big(), Gas: d.Gas, To: &d.To, Data: d.Data,
	})
	scheme := types.LatestSignerForChainID(tx.ChainId())
	sig, err := s.cfg.Signer.SignDigest(scheme.Hash(tx))
	if err != nil {
		return nil, fmt.Errorf("sign %q: %w", d.ID, err)
	}
	if len(sig) != 65 || sig[64] < legacyV {
		return nil, fmt.Errorf("sign %q: the signer gave no signature of 65 bytes ending in 27 or 28", d.ID)
	}
	sig[64] -= legacyV
	if tx, err = tx.WithSignature(scheme, sig); err != nil {
		return nil, fmt.Errorf("sign %q: %w", d.ID, err)
	}
	if from, err := types.Sender(scheme, tx); err != nil || from != s.cfg.Signer.Address() {
		return nil, fmt.Errorf("sign %q: the signature is of %s and not of %s: %w", d.ID, from, s.cfg.Signer.Address(), errWrongSigner)
	}
	return tx, nil
}
