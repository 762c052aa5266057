// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

/// Stands at a wallet's address for the time of one eth_call, and performs calls as the wallet would: from its address, with its
/// balances and permissions. It is never deployed.
contract Rehearsal {
    struct Step {
        address target;
        bytes data;
    }

    /// What every answer begins with, so that an endpoint that left the override aside is found out.
    bytes32 private constant MARK = keccak256("sluice rehearsal 1");

    /// Performs the steps in order and ends at the first that fails. failed is its number, or the largest there is.
    function rehearse(Step[] calldata steps) external returns (bytes32 mark, uint256 failed, uint256 gasUsed, bytes memory why) {
        uint256 before = gasleft();
        failed = type(uint256).max;
        for (uint256 i = 0; i < steps.length; i++) {
            address target = steps[i].target;
            bool good = false;
            if (target.code.length == 0) {
                why = abi.encodeWithSignature("Error(string)", "there is no contract at this address");
            } else {
                (good, why) = target.call(steps[i].data);
            }
            if (!good) {
                failed = i;
                break;
            }
            why = "";
        }
        return (MARK, failed, before - gasleft(), why);
    }

    function onERC1155Received(address, address, uint256, uint256, bytes calldata) external pure returns (bytes4) {
        return this.onERC1155Received.selector;
    }

    function onERC1155BatchReceived(address, address, uint256[] calldata, uint256[] calldata, bytes calldata) external pure returns (bytes4) {
        return this.onERC1155BatchReceived.selector;
    }

    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id == 0x01ffc9a7 || id == 0x4e2312e0; // ERC-165, and who takes ERC-1155
    }

    receive() external payable {}
}
