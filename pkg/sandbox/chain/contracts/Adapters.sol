// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {Token, Collateral, WrappedCollateral} from "./Token.sol";
import {ConditionalTokens} from "./ConditionalTokens.sol";

contract Receiver {
    function onERC1155Received(address, address, uint256, uint256, bytes calldata) external pure returns (bytes4) {
        return this.onERC1155Received.selector;
    }

    function onERC1155BatchReceived(address, address, uint256[] calldata, uint256[] calldata, bytes calldata) external pure returns (bytes4) {
        return this.onERC1155BatchReceived.selector;
    }

    function supportsInterface(bytes4) external pure returns (bool) {
        return true;
    }

    function _binary() internal pure returns (uint256[] memory sets) {
        sets = new uint256[](2);
        (sets[0], sets[1]) = (1, 2);
    }

    function _pair(uint256 a, uint256 b) internal pure returns (uint256[] memory two) {
        two = new uint256[](2);
        (two[0], two[1]) = (a, b);
    }
}

/// Lets holders of pUSD split, merge and redeem in the CTF's own words, although positions are made of USDC.e.
/// Collateral, parent and index sets of the caller are ignored: all markets here are binary and have no parent.
contract CtfCollateralAdapter is Receiver {
    ConditionalTokens public immutable CONDITIONAL_TOKENS;
    Collateral public immutable COLLATERAL_TOKEN;
    Token public immutable USDCE;

    constructor(ConditionalTokens ctf, Collateral collateral, Token usdce) {
        (CONDITIONAL_TOKENS, COLLATERAL_TOKEN, USDCE) = (ctf, collateral, usdce);
        usdce.approve(_splitter(), type(uint256).max);
    }

    function splitPosition(address, bytes32, bytes32 condition, uint256[] calldata, uint256 amount) external {
        COLLATERAL_TOKEN.transferFrom(msg.sender, address(COLLATERAL_TOKEN), amount);
        COLLATERAL_TOKEN.unwrap(address(USDCE), address(this), amount, address(0), "");
        _split(condition, amount);
        CONDITIONAL_TOKENS.safeBatchTransferFrom(address(this), msg.sender, _positions(condition), _pair(amount, amount), "");
    }

    function mergePositions(address, bytes32, bytes32 condition, uint256[] calldata, uint256 amount) external {
        CONDITIONAL_TOKENS.safeBatchTransferFrom(msg.sender, address(this), _positions(condition), _pair(amount, amount), "");
        _merge(condition, amount);
        _pay(amount);
    }

    /// Takes everything the caller holds of both outcomes; with nothing it pays nothing and does not fail.
    function redeemPositions(address, bytes32, bytes32 condition, uint256[] calldata) external {
        uint256[] memory ids = _positions(condition);
        uint256[] memory amounts =
            _pair(CONDITIONAL_TOKENS.balanceOf(msg.sender, ids[0]), CONDITIONAL_TOKENS.balanceOf(msg.sender, ids[1]));
        CONDITIONAL_TOKENS.safeBatchTransferFrom(msg.sender, address(this), ids, amounts, "");
        uint256 before = USDCE.balanceOf(address(this));
        _redeem(condition, amounts);
        _pay(USDCE.balanceOf(address(this)) - before);
    }

    function _pay(uint256 amount) internal {
        USDCE.transfer(address(COLLATERAL_TOKEN), amount);
        COLLATERAL_TOKEN.wrap(address(USDCE), msg.sender, amount, address(0), "");
    }

    function _splitter() internal virtual returns (address) {
        return address(CONDITIONAL_TOKENS);
    }

    function _under() internal view virtual returns (Token) {
        return USDCE;
    }

    function _positions(bytes32 condition) internal view returns (uint256[] memory) {
        return _pair(
            CONDITIONAL_TOKENS.getPositionId(_under(), CONDITIONAL_TOKENS.getCollectionId(0, condition, 1)),
            CONDITIONAL_TOKENS.getPositionId(_under(), CONDITIONAL_TOKENS.getCollectionId(0, condition, 2))
        );
    }

    function _split(bytes32 condition, uint256 amount) internal virtual {
        CONDITIONAL_TOKENS.splitPosition(USDCE, 0, condition, _binary(), amount);
    }

    function _merge(bytes32 condition, uint256 amount) internal virtual {
        CONDITIONAL_TOKENS.mergePositions(USDCE, 0, condition, _binary(), amount);
    }

    function _redeem(bytes32 condition, uint256[] memory) internal virtual {
        CONDITIONAL_TOKENS.redeemPositions(USDCE, 0, condition, _binary());
    }
}

/// The same words for markets of which one outcome at most can win.
contract NegRiskCtfCollateralAdapter is CtfCollateralAdapter {
    NegRiskAdapter public immutable NEG_RISK_ADAPTER;

    constructor(ConditionalTokens ctf, Collateral collateral, Token usdce, NegRiskAdapter adapter) CtfCollateralAdapter(ctf, collateral, usdce) {
        NEG_RISK_ADAPTER = adapter;
        usdce.approve(address(adapter), type(uint256).max);
        ctf.setApprovalForAll(address(adapter), true);
    }

    function convertPositions(bytes32 market, uint256 indexSet, uint256 amount) external {
        uint256 count = NEG_RISK_ADAPTER.getQuestionCount(market);
        for (uint256 i = 0; i < count; i++) {
            if (indexSet & (1 << i) == 0) continue;
            CONDITIONAL_TOKENS.safeTransferFrom(msg.sender, address(this), NEG_RISK_ADAPTER.getPositionId(bytes32(uint256(market) | i), false), amount, "");
        }
        uint256 before = USDCE.balanceOf(address(this));
        NEG_RISK_ADAPTER.convertPositions(market, indexSet, amount);
        for (uint256 i = 0; i < count; i++) {
            if (indexSet & (1 << i) != 0) continue;
            CONDITIONAL_TOKENS.safeTransferFrom(address(this), msg.sender, NEG_RISK_ADAPTER.getPositionId(bytes32(uint256(market) | i), true), amount, "");
        }
        uint256 paid = USDCE.balanceOf(address(this)) - before;
        if (paid > 0) _pay(paid);
    }

    function _under() internal view override returns (Token) {
        return Token(address(NEG_RISK_ADAPTER.wcol()));
    }

    function _split(bytes32 condition, uint256 amount) internal override {
        NEG_RISK_ADAPTER.splitPosition(condition, amount);
    }

    function _merge(bytes32 condition, uint256 amount) internal override {
        NEG_RISK_ADAPTER.mergePositions(condition, amount);
    }

    function _redeem(bytes32 condition, uint256[] memory amounts) internal override {
        NEG_RISK_ADAPTER.redeemPositions(condition, amounts);
    }
}

/// Markets of several questions of which one at most comes true. NO in some of them is as good as YES in all the others
/// and collateral for all but one.
contract NegRiskAdapter is Receiver {
    error InvalidIndexSet();
    error MarketNotPrepared();
    error NoConvertiblePositions();
    error OnlyOracle();

    event MarketPrepared(bytes32 indexed marketId, address indexed oracle, uint256 feeBips, bytes data);
    event QuestionPrepared(bytes32 indexed marketId, bytes32 indexed questionId, uint256 index, bytes data);
    event OutcomeReported(bytes32 indexed marketId, bytes32 indexed questionId, bool outcome);
    event PositionSplit(address indexed stakeholder, bytes32 indexed conditionId, uint256 amount);
    event PositionsMerge(address indexed stakeholder, bytes32 indexed conditionId, uint256 amount);
    event PositionsConverted(address indexed stakeholder, bytes32 indexed marketId, uint256 indexed indexSet, uint256 amount);
    event PayoutRedemption(address indexed redeemer, bytes32 indexed conditionId, uint256[] amounts, uint256 payout);

    /// Where NO tokens end that have been converted.
    address public constant NO_TOKEN_BURN_ADDRESS = address(bytes20(bytes32(keccak256("NO_TOKEN_BURN_ADDRESS"))));

    ConditionalTokens public immutable ctf;
    Token public immutable col;
    WrappedCollateral public immutable wcol;
    mapping(bytes32 => uint256) public getQuestionCount;
    mapping(bytes32 => address) public getOracle;

    constructor(ConditionalTokens ctf_, Token col_, WrappedCollateral wcol_) {
        (ctf, col, wcol) = (ctf_, col_, wcol_);
        col_.approve(address(wcol_), type(uint256).max);
        wcol_.approve(address(ctf_), type(uint256).max);
    }

    function getConditionId(bytes32 questionId) public view returns (bytes32) {
        return ctf.getConditionId(address(this), questionId, 2);
    }

    function getPositionId(bytes32 questionId, bool outcome) public view returns (uint256) {
        return ctf.getPositionId(wcol, ctf.getCollectionId(0, getConditionId(questionId), outcome ? 1 : 2));
    }

    function balanceOf(address owner, uint256 id) external view returns (uint256) {
        return ctf.balanceOf(owner, id);
    }

    function prepareMarket(uint256 feeBips, bytes calldata data) external returns (bytes32 market) {
        market = keccak256(abi.encode(msg.sender, feeBips, data)) & ~bytes32(uint256(0xff));
        require(getOracle[market] == address(0), "market already prepared");
        getOracle[market] = msg.sender;
        emit MarketPrepared(market, msg.sender, feeBips, data);
    }

    function prepareQuestion(bytes32 market, bytes calldata data) external returns (bytes32 question) {
        if (getOracle[market] == address(0)) revert MarketNotPrepared();
        if (getOracle[market] != msg.sender) revert OnlyOracle();
        uint256 index = getQuestionCount[market]++;
        question = bytes32(uint256(market) | index);
        ctf.prepareCondition(address(this), question, 2);
        emit QuestionPrepared(market, question, index, data);
    }

    function reportOutcome(bytes32 question, bool outcome) external {
        bytes32 market = question & ~bytes32(uint256(0xff));
        if (getOracle[market] != msg.sender) revert OnlyOracle();
        ctf.reportPayouts(question, outcome ? _pair(1, 0) : _pair(0, 1));
        emit OutcomeReported(market, question, outcome);
    }

    function splitPosition(bytes32 condition, uint256 amount) public {
        col.transferFrom(msg.sender, address(this), amount);
        wcol.wrap(address(this), amount);
        ctf.splitPosition(wcol, 0, condition, _binary(), amount);
        ctf.safeBatchTransferFrom(address(this), msg.sender, _positions(condition), _pair(amount, amount), "");
        emit PositionSplit(msg.sender, condition, amount);
    }

    function splitPosition(address, bytes32, bytes32 condition, uint256[] calldata, uint256 amount) external {
        splitPosition(condition, amount);
    }

    function mergePositions(bytes32 condition, uint256 amount) public {
        ctf.safeBatchTransferFrom(msg.sender, address(this), _positions(condition), _pair(amount, amount), "");
        ctf.mergePositions(wcol, 0, condition, _binary(), amount);
        wcol.unwrap(msg.sender, amount);
        emit PositionsMerge(msg.sender, condition, amount);
    }

    function mergePositions(address, bytes32, bytes32 condition, uint256[] calldata, uint256 amount) external {
        mergePositions(condition, amount);
    }

    function redeemPositions(bytes32 condition, uint256[] calldata amounts) external {
        ctf.safeBatchTransferFrom(msg.sender, address(this), _positions(condition), amounts, "");
        uint256 before = wcol.balanceOf(address(this));
        ctf.redeemPositions(wcol, 0, condition, _binary());
        uint256 payout = wcol.balanceOf(address(this)) - before;
        if (payout > 0) wcol.unwrap(msg.sender, payout);
        emit PayoutRedemption(msg.sender, condition, amounts, payout);
    }

    function convertPositions(bytes32 market, uint256 indexSet, uint256 amount) external {
        uint256 count = getQuestionCount[market];
        if (getOracle[market] == address(0)) revert MarketNotPrepared();
        if (count <= 1) revert NoConvertiblePositions();
        if (indexSet == 0 || indexSet >> count != 0) revert InvalidIndexSet();
        uint256 given = 0;
        for (uint256 i = 0; i < count; i++) {
            if (indexSet & (1 << i) == 0) continue;
            given++;
            if (amount > 0) ctf.safeTransferFrom(msg.sender, NO_TOKEN_BURN_ADDRESS, getPositionId(bytes32(uint256(market) | i), false), amount, "");
        }
        if (amount > 0) {
            wcol.mint(address(this), (count - given) * amount);
            for (uint256 i = 0; i < count; i++) {
                if (indexSet & (1 << i) == 0) _open(bytes32(uint256(market) | i), amount);
            }
            if (given > 1) wcol.release(msg.sender, (given - 1) * amount);
        }
        emit PositionsConverted(msg.sender, market, indexSet, amount);
    }

    /// YES of a question for the caller, its NO burnt.
    function _open(bytes32 question, uint256 amount) private {
        ctf.splitPosition(wcol, 0, getConditionId(question), _binary(), amount);
        ctf.safeTransferFrom(address(this), msg.sender, getPositionId(question, true), amount, "");
        ctf.safeTransferFrom(address(this), NO_TOKEN_BURN_ADDRESS, getPositionId(question, false), amount, "");
    }

    function _positions(bytes32 condition) private view returns (uint256[] memory) {
        return _pair(
            ctf.getPositionId(wcol, ctf.getCollectionId(0, condition, 1)),
            ctf.getPositionId(wcol, ctf.getCollectionId(0, condition, 2))
        );
    }
}
