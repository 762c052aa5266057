package sandbox

import (
	"fmt"
	"net/http"
	"strings"
)

// refusal is an error in the venue's own words. Clients compare these texts, so they keep the venue's capitals, full
// stops and spelling.
type refusal string

func (r refusal) Error() string { return string(r) }

const (
	errPayload   refusal = "Invalid order payload"
	errRead      refusal = "Invalid payload"
	errTooMany   refusal = "Payload exceeds the limit"
	errSide      refusal = "Invalid side"
	errToken     refusal = "Invalid token id"
	errNoBook    refusal = "No orderbook exists for the requested token id"
	errOwner     refusal = "the order owner has to be the owner of the API KEY"
	errSigner    refusal = "the order signer address has to be the address of the API KEY"
	errSignature refusal = "invalid signature"
	errVersion   refusal = "order_version_mismatch"
	errMaker     refusal = "maker address not allowed, please use the deposit wallet flow"
	errBalance   refusal = "not enough balance / allowance"
	errNothing   refusal = "invalid amounts, maker and taker amount must be greater than 0"
	errExpiry    refusal = "invalid expiration"
	errPostOnly  refusal = "invalid post-only order: only GTC and GTD orders can be post-only"
	errCrosses   refusal = "invalid post-only order: order crosses book"
	errNotWhole  refusal = "order couldn't be fully filled. FOK orders are fully filled or killed."
	errNoMatch   refusal = "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."
	errMode      refusal = "post-only mode: only post-only orders and cancels are allowed"
)

// refusef is a refusal with figures in it.
func refusef(format string, args ...any) refusal { return refusal(fmt.Sprintf(format, args...)) }

// statusOf is the HTTP status that goes with one of the venue's texts.
func statusOf(err error) int {
	text := err.Error()
	switch {
	case strings.Contains(text, "not found"), strings.Contains(text, "No orderbook"):
		return http.StatusNotFound
	case strings.Contains(text, "nauthorized"):
		return http.StatusUnauthorized
	}
	return http.StatusBadRequest
}
