package chain

import (
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common/hexutil"
)

// artefactsFile is what contracts/compile.mjs writes.
//
//go:embed contracts/artefacts.json
var artefactsFile []byte

// artefact is one compiled contract.
type artefact struct {
	ABI      json.RawMessage `json:"abi"`
	Creation hexutil.Bytes   `json:"creation"`
}

// artefacts are the compiled contracts by name. The file is part of the program, so a broken one is a broken program.
func artefacts() map[string]artefact {
	all := map[string]artefact{}
	if err := json.Unmarshal(artefactsFile, &all); err != nil {
		panic(fmt.Sprintf("chain artefacts: %v", err))
	}
	return all
}

// Interface returns the ABI of one of our contracts by its Solidity name; an unknown name panics.
func Interface(name string) abi.ABI { return Interfaces(name)[0] }

// Interfaces returns several, in the order of their names; that costs little more than one.
func Interfaces(names ...string) []abi.ABI {
	all, out := artefacts(), make([]abi.ABI, len(names))
	for i, name := range names {
		a, ok := all[name]
		if !ok {
			panic("chain artefacts: no contract " + name)
		}
		out[i] = a.abi(name)
	}
	return out
}

func (a artefact) abi(name string) abi.ABI {
	var out abi.ABI
	if err := json.Unmarshal(a.ABI, &out); err != nil {
		panic(fmt.Sprintf("chain artefacts: %s: %v", name, err))
	}
	return out
}
