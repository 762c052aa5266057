// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {Token} from "./Token.sol";

interface IERC1155Receiver {
    function onERC1155Received(address operator, address from, uint256 id, uint256 value, bytes calldata data) external returns (bytes4);
    function onERC1155BatchReceived(address operator, address from, uint256[] calldata ids, uint256[] calldata values, bytes calldata data) external returns (bytes4);
}

/// A multi-token whose holders may let operators move everything of theirs.
contract MultiToken {
    mapping(uint256 => mapping(address => uint256)) internal held;
    mapping(address => mapping(address => bool)) public isApprovedForAll;

    event TransferSingle(address indexed operator, address indexed from, address indexed to, uint256 id, uint256 value);
    event TransferBatch(address indexed operator, address indexed from, address indexed to, uint256[] ids, uint256[] values);
    event ApprovalForAll(address indexed owner, address indexed operator, bool approved);

    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id == 0x01ffc9a7 || id == 0xd9b67a26;
    }

    function balanceOf(address owner, uint256 id) public view returns (uint256) {
        require(owner != address(0), "ERC1155: balance query for the zero address");
        return held[id][owner];
    }

    function balanceOfBatch(address[] calldata owners, uint256[] calldata ids) external view returns (uint256[] memory out) {
        require(owners.length == ids.length, "ERC1155: owners and IDs must have same lengths");
        out = new uint256[](owners.length);
        for (uint256 i = 0; i < owners.length; i++) out[i] = balanceOf(owners[i], ids[i]);
    }

    function setApprovalForAll(address operator, bool approved) external {
        isApprovedForAll[msg.sender][operator] = approved;
        emit ApprovalForAll(msg.sender, operator, approved);
    }

    function safeTransferFrom(address from, address to, uint256 id, uint256 value, bytes calldata data) external {
        _mayMove(from, to);
        _take(from, id, value);
        held[id][to] += value;
        emit TransferSingle(msg.sender, from, to, id, value);
        _told(from, to, id, value, data);
    }

    function safeBatchTransferFrom(address from, address to, uint256[] calldata ids, uint256[] calldata values, bytes calldata data) external {
        require(ids.length == values.length, "ERC1155: IDs and values must have same lengths");
        _mayMove(from, to);
        for (uint256 i = 0; i < ids.length; i++) {
            _take(from, ids[i], values[i]);
            held[ids[i]][to] += values[i];
        }
        emit TransferBatch(msg.sender, from, to, ids, values);
        _toldBatch(from, to, ids, values, data);
    }

    function _mint(address to, uint256 id, uint256 value) internal {
        held[id][to] += value;
        emit TransferSingle(msg.sender, address(0), to, id, value);
        _told(address(0), to, id, value, "");
    }

    function _mintBatch(address to, uint256[] memory ids, uint256[] memory values) internal {
        for (uint256 i = 0; i < ids.length; i++) held[ids[i]][to] += values[i];
        emit TransferBatch(msg.sender, address(0), to, ids, values);
        _toldBatch(address(0), to, ids, values, "");
    }

    function _burn(address from, uint256 id, uint256 value) internal {
        _take(from, id, value);
        emit TransferSingle(msg.sender, from, address(0), id, value);
    }

    function _burnBatch(address from, uint256[] memory ids, uint256[] memory values) internal {
        for (uint256 i = 0; i < ids.length; i++) _take(from, ids[i], values[i]);
        emit TransferBatch(msg.sender, from, address(0), ids, values);
    }

    function _mayMove(address from, address to) private view {
        require(to != address(0), "ERC1155: target address must be non-zero");
        require(from == msg.sender || isApprovedForAll[from][msg.sender], "ERC1155: need operator approval for 3rd party transfers.");
    }

    function _take(address from, uint256 id, uint256 value) private {
        uint256 has = held[id][from];
        require(has >= value, "SafeMath: subtraction overflow");
        unchecked {
            held[id][from] = has - value;
        }
    }

    function _told(address from, address to, uint256 id, uint256 value, bytes memory data) private {
        if (to.code.length == 0) return;
        require(
            IERC1155Receiver(to).onERC1155Received(msg.sender, from, id, value, data) == IERC1155Receiver.onERC1155Received.selector,
            "ERC1155: got unknown value from onERC1155Received"
        );
    }

    function _toldBatch(address from, address to, uint256[] memory ids, uint256[] memory values, bytes memory data) private {
        if (to.code.length == 0) return;
        require(
            IERC1155Receiver(to).onERC1155BatchReceived(msg.sender, from, ids, values, data) == IERC1155Receiver.onERC1155BatchReceived.selector,
            "ERC1155: got unknown value from onERC1155BatchReceived"
        );
    }
}

/// Points of alt_bn128, as which collections are added: the order in which conditions are combined does not matter.
library Curve {
    uint256 internal constant P = 21888242871839275222246405745257275088696311157297823662689037894645226208583;
    uint256 private constant ROOT = (P + 1) / 4;
    uint256 private constant SIGN = 1 << 254;

    /// The first point at or after the hash, with the parity of y that its top bit asks for.
    function fromHash(uint256 h) internal view returns (uint256 x, uint256 y) {
        bool odd = h >> 255 == 1;
        x = h;
        uint256 yy;
        do {
            x = addmod(x, 1, P);
            yy = square(x);
            y = power(yy, ROOT);
        } while (mulmod(y, y, P) != yy);
        if ((y & 1 == 1) != odd) y = P - y;
    }

    function unpack(uint256 id) internal view returns (uint256 x, uint256 y) {
        bool odd = id & SIGN != 0;
        x = id & (SIGN - 1);
        uint256 yy = square(x);
        y = power(yy, ROOT);
        require(mulmod(y, y, P) == yy, "invalid parent collection ID");
        if ((y & 1 == 1) != odd) y = P - y;
    }

    function pack(uint256 x, uint256 y) internal pure returns (uint256) {
        return y & 1 == 1 ? x ^ SIGN : x;
    }

    function add(uint256 x1, uint256 y1, uint256 x2, uint256 y2) internal view returns (uint256, uint256) {
        (bool ok, bytes memory out) = address(6).staticcall(abi.encode(x1, y1, x2, y2));
        require(ok, "ecadd failed");
        return abi.decode(out, (uint256, uint256));
    }

    /// The right side of y² = x³ + 3.
    function square(uint256 x) private pure returns (uint256) {
        return addmod(mulmod(x, mulmod(x, x, P), P), 3, P);
    }

    function power(uint256 b, uint256 e) private view returns (uint256) {
        (, bytes memory out) = address(5).staticcall(abi.encode(uint256(32), uint256(32), uint256(32), b, e, P));
        return abi.decode(out, (uint256));
    }
}

/// Outcomes of conditions as tokens: collateral splits into a full set of outcomes, and a full set merges back.
contract ConditionalTokens is MultiToken {
    mapping(bytes32 => uint256[]) public payoutNumerators;
    mapping(bytes32 => uint256) public payoutDenominator;

    event ConditionPreparation(bytes32 indexed conditionId, address indexed oracle, bytes32 indexed questionId, uint256 outcomeSlotCount);
    event ConditionResolution(bytes32 indexed conditionId, address indexed oracle, bytes32 indexed questionId, uint256 outcomeSlotCount, uint256[] payoutNumerators);
    event PositionSplit(address indexed stakeholder, Token collateralToken, bytes32 indexed parentCollectionId, bytes32 indexed conditionId, uint256[] partition, uint256 amount);
    event PositionsMerge(address indexed stakeholder, Token collateralToken, bytes32 indexed parentCollectionId, bytes32 indexed conditionId, uint256[] partition, uint256 amount);
    event PayoutRedemption(address indexed redeemer, Token indexed collateralToken, bytes32 indexed parentCollectionId, bytes32 conditionId, uint256[] indexSets, uint256 payout);

    function prepareCondition(address oracle, bytes32 questionId, uint256 outcomeSlotCount) external {
        require(outcomeSlotCount <= 256, "too many outcome slots");
        require(outcomeSlotCount > 1, "there should be more than one outcome slot");
        bytes32 id = getConditionId(oracle, questionId, outcomeSlotCount);
        require(payoutNumerators[id].length == 0, "condition already prepared");
        payoutNumerators[id] = new uint256[](outcomeSlotCount);
        emit ConditionPreparation(id, oracle, questionId, outcomeSlotCount);
    }

    function reportPayouts(bytes32 questionId, uint256[] calldata payouts) external {
        uint256 slots = payouts.length;
        require(slots > 1, "there should be more than one outcome slot");
        bytes32 id = getConditionId(msg.sender, questionId, slots);
        require(payoutNumerators[id].length == slots, "condition not prepared or found");
        require(payoutDenominator[id] == 0, "payout denominator already set");
        uint256 sum = 0;
        for (uint256 i = 0; i < slots; i++) sum += payouts[i];
        require(sum > 0, "payout is all zeroes");
        payoutNumerators[id] = payouts;
        payoutDenominator[id] = sum;
        emit ConditionResolution(id, msg.sender, questionId, slots, payouts);
    }

    function splitPosition(Token collateral, bytes32 parent, bytes32 condition, uint256[] calldata partition, uint256 amount) external {
        (uint256[] memory ids, uint256[] memory amounts, uint256 rest, uint256 full) = _parts(collateral, parent, condition, partition, amount);
        if (rest != 0) {
            _burn(msg.sender, getPositionId(collateral, getCollectionId(parent, condition, full ^ rest)), amount);
        } else if (parent == 0) {
            require(collateral.transferFrom(msg.sender, address(this), amount), "could not receive collateral tokens");
        } else {
            _burn(msg.sender, getPositionId(collateral, parent), amount);
        }
        _mintBatch(msg.sender, ids, amounts);
        emit PositionSplit(msg.sender, collateral, parent, condition, partition, amount);
    }

    function mergePositions(Token collateral, bytes32 parent, bytes32 condition, uint256[] calldata partition, uint256 amount) external {
        (uint256[] memory ids, uint256[] memory amounts, uint256 rest, uint256 full) = _parts(collateral, parent, condition, partition, amount);
        _burnBatch(msg.sender, ids, amounts);
        if (rest != 0) {
            _mint(msg.sender, getPositionId(collateral, getCollectionId(parent, condition, full ^ rest)), amount);
        } else if (parent == 0) {
            require(collateral.transfer(msg.sender, amount), "could not send collateral tokens");
        } else {
            _mint(msg.sender, getPositionId(collateral, parent), amount);
        }
        emit PositionsMerge(msg.sender, collateral, parent, condition, partition, amount);
    }

    function redeemPositions(Token collateral, bytes32 parent, bytes32 condition, uint256[] calldata indexSets) external {
        uint256 denominator = payoutDenominator[condition];
        require(denominator > 0, "result for condition not received yet");
        uint256[] storage numerators = payoutNumerators[condition];
        uint256 slots = numerators.length;
        uint256 total = 0;
        for (uint256 i = 0; i < indexSets.length; i++) {
            uint256 set = indexSets[i];
            require(set > 0 && set < (1 << slots) - 1, "got invalid index set");
            uint256 id = getPositionId(collateral, getCollectionId(parent, condition, set));
            uint256 share = 0;
            for (uint256 j = 0; j < slots; j++) if (set & (1 << j) != 0) share += numerators[j];
            uint256 stake = balanceOf(msg.sender, id);
            if (stake == 0) continue;
            total += stake * share / denominator;
            _burn(msg.sender, id, stake);
        }
        if (total > 0) {
            if (parent == 0) require(collateral.transfer(msg.sender, total), "could not transfer payout to message sender");
            else _mint(msg.sender, getPositionId(collateral, parent), total);
        }
        emit PayoutRedemption(msg.sender, collateral, parent, condition, indexSets, total);
    }

    function getOutcomeSlotCount(bytes32 condition) external view returns (uint256) {
        return payoutNumerators[condition].length;
    }

    function getConditionId(address oracle, bytes32 questionId, uint256 outcomeSlotCount) public pure returns (bytes32) {
        return keccak256(abi.encodePacked(oracle, questionId, outcomeSlotCount));
    }

    function getCollectionId(bytes32 parent, bytes32 condition, uint256 indexSet) public view returns (bytes32) {
        (uint256 x, uint256 y) = Curve.fromHash(uint256(keccak256(abi.encodePacked(condition, indexSet))));
        if (parent != 0) {
            (uint256 px, uint256 py) = Curve.unpack(uint256(parent));
            (x, y) = Curve.add(x, y, px, py);
        }
        return bytes32(Curve.pack(x, y));
    }

    function getPositionId(Token collateral, bytes32 collection) public pure returns (uint256) {
        return uint256(keccak256(abi.encodePacked(collateral, collection)));
    }

    /// The positions of a partition, and which outcomes it leaves out.
    function _parts(Token collateral, bytes32 parent, bytes32 condition, uint256[] calldata partition, uint256 amount)
        private
        view
        returns (uint256[] memory ids, uint256[] memory amounts, uint256 rest, uint256 full)
    {
        require(partition.length > 1, "got empty or singleton partition");
        uint256 slots = payoutNumerators[condition].length;
        require(slots > 0, "condition not prepared yet");
        full = type(uint256).max >> (256 - slots);
        rest = full;
        ids = new uint256[](partition.length);
        amounts = new uint256[](partition.length);
        for (uint256 i = 0; i < partition.length; i++) {
            uint256 set = partition[i];
            require(set > 0 && set < full, "got invalid index set");
            require(set & rest == set, "partition not disjoint");
            rest ^= set;
            ids[i] = getPositionId(collateral, getCollectionId(parent, condition, set));
            amounts[i] = amount;
        }
    }
}

/// Stands where the venue's oracle stands: the operator says how a question ended.
contract Oracle {
    ConditionalTokens public immutable ctf;
    address public immutable operator;

    constructor(ConditionalTokens ctf_, address operator_) {
        (ctf, operator) = (ctf_, operator_);
    }

    function resolve(bytes32 questionId, uint256[] calldata payouts) external {
        require(msg.sender == operator, "Oracle: not the operator");
        ctf.reportPayouts(questionId, payouts);
    }
}
