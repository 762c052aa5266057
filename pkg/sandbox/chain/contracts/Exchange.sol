// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {Collateral} from "./Token.sol";
import {ConditionalTokens} from "./ConditionalTokens.sol";
import {CtfCollateralAdapter, Receiver} from "./Adapters.sol";

/// One order's part in a trade. `cash` is without the fee.
struct Leg {
    bytes32 orderHash;
    address maker;
    uint8 side; // 0 buys, 1 sells
    uint256 tokenId;
    uint256 shares;
    uint256 cash;
    uint256 fee;
    bytes32 builder;
    bytes32 metadata;
}

/// Settles what the venue has matched: same transfers, same events, fee shown where the venue shows it. That the orders were
/// signed has been checked by the venue before; the wallets' approvals are what this contract depends on.
contract Exchange is Receiver {
    event OrderFilled(bytes32 indexed orderHash, address indexed maker, address indexed taker, uint8 side, uint256 tokenId, uint256 makerAmountFilled, uint256 takerAmountFilled, uint256 fee, bytes32 builder, bytes32 metadata);
    event OrdersMatched(bytes32 indexed takerOrderHash, address indexed takerOrderMaker, uint8 side, uint256 tokenId, uint256 makerAmountFilled, uint256 takerAmountFilled);
    event FeeCharged(address indexed receiver, uint256 amount);

    error NotOperator();

    Collateral public immutable collateral;
    ConditionalTokens public immutable ctf;
    CtfCollateralAdapter public immutable adapter;
    address public immutable operator;
    address public immutable feeReceiver;

    constructor(Collateral collateral_, ConditionalTokens ctf_, CtfCollateralAdapter adapter_, address operator_, address feeReceiver_) {
        (collateral, ctf, adapter, operator, feeReceiver) = (collateral_, ctf_, adapter_, operator_, feeReceiver_);
        collateral_.approve(address(adapter_), type(uint256).max);
        ctf_.setApprovalForAll(address(adapter_), true);
    }

    /// The legs' sums are the operator's to get right: shares of opposite legs are equal, and so is cash, or the two sides'
    /// cash makes up the shares. Whatever does not add up fails for want of balance.
    function settle(bytes32 condition, Leg calldata taker, Leg[] calldata makers) external {
        if (msg.sender != operator) revert NotOperator();
        for (uint256 i = 0; i < makers.length; i++) {
            if (makers[i].side != taker.side) _swap(taker, makers[i]);
            else if (taker.side == 0) _mint(condition, taker, makers[i]);
            else _merge(condition, taker, makers[i]);
            _filled(makers[i], taker.maker);
        }
        if (taker.side == 0) _charge(taker.maker, taker.fee);
        else if (taker.fee > 0) _chargeHeld(taker.fee);
        if (taker.side == 1) collateral.transfer(taker.maker, taker.cash - taker.fee);
        _filled(taker, address(this));
        (uint256 gave, uint256 got) = _amounts(taker);
        emit OrdersMatched(taker.orderHash, taker.maker, taker.side, taker.tokenId, gave, got);
    }

    /// One sells what the other buys. A buying maker's fee comes in the same transfer as the price; a seller's stays behind.
    function _swap(Leg calldata taker, Leg calldata maker) private {
        if (taker.side == 0) {
            ctf.safeTransferFrom(maker.maker, taker.maker, maker.tokenId, maker.shares, "");
            collateral.transferFrom(taker.maker, maker.maker, maker.cash - maker.fee);
            _charge(taker.maker, maker.fee);
        } else {
            collateral.transferFrom(maker.maker, address(this), maker.cash + maker.fee);
            if (maker.fee > 0) _chargeHeld(maker.fee);
            ctf.safeTransferFrom(taker.maker, maker.maker, taker.tokenId, maker.shares, "");
        }
    }

    /// Both buy, opposite outcomes: a new full set for the two.
    function _mint(bytes32 condition, Leg calldata taker, Leg calldata maker) private {
        collateral.transferFrom(maker.maker, address(this), maker.cash + maker.fee);
        collateral.transferFrom(taker.maker, address(this), maker.shares - maker.cash);
        if (maker.fee > 0) _chargeHeld(maker.fee);
        adapter.splitPosition(address(collateral), 0, condition, new uint256[](0), maker.shares);
        ctf.safeTransferFrom(address(this), maker.maker, maker.tokenId, maker.shares, "");
        ctf.safeTransferFrom(address(this), taker.maker, taker.tokenId, maker.shares, "");
    }

    /// Both sell, opposite outcomes: a full set goes back to collateral.
    function _merge(bytes32 condition, Leg calldata taker, Leg calldata maker) private {
        ctf.safeTransferFrom(maker.maker, address(this), maker.tokenId, maker.shares, "");
        ctf.safeTransferFrom(taker.maker, address(this), taker.tokenId, maker.shares, "");
        adapter.mergePositions(address(collateral), 0, condition, new uint256[](0), maker.shares);
        collateral.transfer(maker.maker, maker.cash - maker.fee);
        if (maker.fee > 0) _chargeHeld(maker.fee);
    }

    function _charge(address from, uint256 fee) private {
        if (fee == 0) return;
        collateral.transferFrom(from, feeReceiver, fee);
        emit FeeCharged(feeReceiver, fee);
    }

    function _chargeHeld(uint256 fee) private {
        collateral.transfer(feeReceiver, fee);
        emit FeeCharged(feeReceiver, fee);
    }

    function _filled(Leg calldata l, address taker) private {
        (uint256 gave, uint256 got) = _amounts(l);
        emit OrderFilled(l.orderHash, l.maker, taker, l.side, l.tokenId, gave, got, l.fee, l.builder, l.metadata);
    }

    function _amounts(Leg calldata l) private pure returns (uint256 gave, uint256 got) {
        return l.side == 0 ? (l.cash, l.shares) : (l.shares, l.cash);
    }
}
