package polymarket

import "strconv"

// Subscription narrows what the market channel sends.
type Subscription struct {
	AssetIDs []string // token ids; at most about 200 on one connection
	// CustomFeatures asks for best_bid_ask, new_market and market_resolved.
	CustomFeatures bool
	// NoInitialDump leaves out the books after subscribing.
	NoInitialDump bool
}

// MarketSubscribe is the first message on the market channel; send it within seconds of connecting.
func MarketSubscribe(s Subscription) []byte {
	b := appendTexts([]byte(`{"type":"market","assets_ids":`), s.AssetIDs)
	b = strconv.AppendBool(append(b, `,"custom_feature_enabled":`...), s.CustomFeatures)
	b = strconv.AppendBool(append(b, `,"initial_dump":`...), !s.NoInitialDump)
	return append(b, `,"level":2}`...)
}

// MarketAdd subscribes more tokens on an open market channel.
func MarketAdd(assetIDs []string, customFeatures bool) []byte {
	b := appendTexts([]byte(`{"operation":"subscribe","assets_ids":`), assetIDs)
	b = strconv.AppendBool(append(b, `,"custom_feature_enabled":`...), customFeatures)
	return append(b, '}')
}

// MarketRemove unsubscribes tokens on an open market channel.
func MarketRemove(assetIDs []string) []byte {
	return append(appendTexts([]byte(`{"operation":"unsubscribe","assets_ids":`), assetIDs), '}')
}

// UserSubscribe is the first message on the user channel. It carries the credentials themselves: never log it. markets are
// condition ids, none means all of the account.
func UserSubscribe(c Credentials, markets []string) []byte {
	b := appendText([]byte(`{"type":"user","auth":{"apiKey":`), c.Key)
	b = appendText(append(b, `,"secret":`...), c.Secret.Reveal())
	b = appendText(append(b, `,"passphrase":`...), c.Passphrase.Reveal())
	b = appendTexts(append(b, `},"markets":`...), markets)
	return append(b, '}')
}

// UserAdd subscribes more markets on an open user channel.
func UserAdd(markets []string) []byte { return userOperation("subscribe", markets) }

// UserRemove unsubscribes markets on an open user channel.
func UserRemove(markets []string) []byte { return userOperation("unsubscribe", markets) }

func userOperation(operation string, markets []string) []byte {
	b := appendText([]byte(`{"operation":`), operation)
	return append(appendTexts(append(b, `,"markets":`...), markets), '}')
}

// Ping is the text that keeps both channels open; send it every 10 s, the answer is PONG.
const Ping = "PING"
