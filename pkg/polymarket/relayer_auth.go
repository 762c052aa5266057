package polymarket

import "net/http"

// RelayerAuth is how a caller proves itself to the relayer: BuilderCredentials or RelayerCredentials.
type RelayerAuth interface {
	// relayerHeaders authenticate one request; arguments as for BuilderHeaders.
	relayerHeaders(tsSeconds int64, method, path string, body []byte) http.Header
}

// RelayerCredentials are a relayer API key: good for transactions of the owner's own wallets only, without a daily quota. The key
// itself is sent, so it is a secret.
type RelayerCredentials struct {
	Key     Secret
	Address Address // the owner's account
}

const (
	headerRelayerKey     = "RELAYER_API_KEY"
	headerRelayerAddress = "RELAYER_API_KEY_ADDRESS"
)

// RelayerHeaders authenticate the owner of a relayer API key; they are the same for every request.
func RelayerHeaders(c RelayerCredentials) http.Header {
	return http.Header{headerRelayerKey: {c.Key.Reveal()}, headerRelayerAddress: {c.Address.Hex()}}
}

func (c RelayerCredentials) relayerHeaders(int64, string, string, []byte) http.Header {
	return RelayerHeaders(c)
}

func (c BuilderCredentials) relayerHeaders(tsSeconds int64, method, path string, body []byte) http.Header {
	return BuilderHeaders(c, tsSeconds, method, path, body)
}
