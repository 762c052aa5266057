// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

import {Receiver} from "./Adapters.sol";

/// Puts wallets where production's factories would have created them. CREATE2 addresses follow from the creation code, which
/// is not ours; so the chain itself places our code there when a factory asks. The owner is handed over in the factory's
/// own transient storage, so that nobody else can ask.
library Placer {
    address private constant CHAIN = 0x000000000000000000000000000000000051acE0;

    function place(address owner) internal returns (address wallet) {
        assembly {
            tstore(0, owner)
        }
        (bool ok, bytes memory out) = CHAIN.call("");
        assembly {
            tstore(0, 0)
        }
        require(ok && out.length == 32, "create2 call failed");
        wallet = abi.decode(out, (address));
    }
}

/// A Safe as far as one can tell by using it: owners, threshold, nonce, signatures of all four kinds, calls and delegate
/// calls. Modules, guards and refunds are left out; a transaction that asks for a refund is refused.
contract Safe is Receiver {
    address private singleton; // of the proxy, which shares this storage
    address[] private owners;
    mapping(address => bool) public isOwner;
    uint256 private threshold;
    uint256 public nonce;
    mapping(address => mapping(bytes32 => uint256)) public approvedHashes;

    string public constant VERSION = "1.3.0";
    bytes32 private constant DOMAIN_TYPE = keccak256("EIP712Domain(uint256 chainId,address verifyingContract)");
    bytes32 private constant SAFE_TX_TYPE = keccak256(
        "SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,uint256 gasPrice,address gasToken,address refundReceiver,uint256 nonce)"
    );

    event SafeSetup(address indexed initiator, address[] owners, uint256 threshold, address initializer, address fallbackHandler);
    event SafeReceived(address indexed sender, uint256 value);
    event ApproveHash(bytes32 indexed approvedHash, address indexed owner);
    event ExecutionSuccess(bytes32 txHash, uint256 payment);
    event ExecutionFailure(bytes32 txHash, uint256 payment);

    constructor() {
        threshold = 1; // the master copy itself can never be set up
    }

    receive() external payable {
        emit SafeReceived(msg.sender, msg.value);
    }

    function setup(address[] calldata owners_, uint256 threshold_, address to, bytes calldata data, address handler, address, uint256 payment, address payable) external {
        require(threshold == 0, "GS200");
        require(threshold_ <= owners_.length, "GS201");
        require(threshold_ >= 1, "GS202");
        require(to == address(0) && data.length == 0 && payment == 0, "Safe: set-up calls and payments are left out");
        for (uint256 i = 0; i < owners_.length; i++) {
            address o = owners_[i];
            require(o > address(1) && o != address(this), "GS203");
            require(!isOwner[o], "GS204");
            isOwner[o] = true;
        }
        (owners, threshold) = (owners_, threshold_);
        emit SafeSetup(msg.sender, owners_, threshold_, to, handler);
    }

    function getOwners() external view returns (address[] memory) {
        return owners;
    }

    function getThreshold() external view returns (uint256) {
        return threshold;
    }

    function domainSeparator() public view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPE, block.chainid, this));
    }

    function getTransactionHash(address to, uint256 value, bytes calldata data, uint8 operation, uint256 safeTxGas, uint256 baseGas, uint256 gasPrice, address gasToken, address refundReceiver, uint256 nonce_)
        public
        view
        returns (bytes32)
    {
        bytes32 s = keccak256(
            bytes.concat(
                abi.encode(SAFE_TX_TYPE, to, value, keccak256(data), operation),
                abi.encode(safeTxGas, baseGas, gasPrice, gasToken, refundReceiver, nonce_)
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domainSeparator(), s));
    }

    function execTransaction(
        address to,
        uint256 value,
        bytes calldata data,
        uint8 operation,
        uint256 safeTxGas,
        uint256 baseGas,
        uint256 gasPrice,
        address gasToken,
        address payable refundReceiver,
        bytes memory signatures
    ) external payable returns (bool ok) {
        require(gasPrice == 0, "Safe: refunds are left out");
        require(operation <= 1, "Safe: unknown operation");
        bytes32 id = getTransactionHash(to, value, data, operation, safeTxGas, baseGas, gasPrice, gasToken, refundReceiver, nonce);
        nonce++;
        checkSignatures(id, "", signatures);
        require(gasleft() >= _max(safeTxGas * 64 / 63, safeTxGas + 2500) + 500, "GS010");
        ok = _execute(to, value, data, operation, safeTxGas == 0 ? gasleft() : safeTxGas);
        require(ok || safeTxGas != 0, "GS013");
        if (ok) emit ExecutionSuccess(id, 0);
        else emit ExecutionFailure(id, 0);
    }

    function approveHash(bytes32 id) external {
        require(isOwner[msg.sender], "GS030");
        approvedHashes[msg.sender][id] = 1;
        emit ApproveHash(id, msg.sender);
    }

    /// Signatures stand in the order of their signers' addresses, 65 bytes each: r, s, v.
    function checkSignatures(bytes32 id, bytes memory, bytes memory signatures) public view {
        require(threshold > 0, "GS001");
        require(signatures.length >= threshold * 65, "GS020");
        address last = address(0);
        for (uint256 i = 0; i < threshold; i++) {
            address signer = _signer(id, signatures, i);
            require(signer > last && isOwner[signer], "GS026");
            last = signer;
        }
    }

    function _signer(bytes32 id, bytes memory signatures, uint256 i) private view returns (address) {
        bytes32 r;
        bytes32 s;
        uint256 v;
        assembly {
            let at := add(add(signatures, 32), mul(i, 65))
            r := mload(at)
            s := mload(add(at, 32))
            v := byte(0, mload(add(at, 64)))
        }
        if (v == 0) revert("Safe: signatures of contracts are left out");
        if (v == 1) {
            // Bound to neither nonce nor data when the sender is the owner, as in the original.
            address approver = address(uint160(uint256(r)));
            require(msg.sender == approver || approvedHashes[approver][id] != 0, "GS025");
            return approver;
        }
        if (v > 30) return ecrecover(keccak256(abi.encodePacked("\x19Ethereum Signed Message:\n32", id)), uint8(v - 4), r, s);
        return ecrecover(id, uint8(v), r, s);
    }

    function _execute(address to, uint256 value, bytes memory data, uint8 operation, uint256 gas_) private returns (bool ok) {
        assembly {
            switch operation
            case 1 { ok := delegatecall(gas_, to, add(data, 32), mload(data), 0, 0) }
            default { ok := call(gas_, to, value, add(data, 32), mload(data), 0, 0) }
        }
    }

    function _max(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a : b;
    }
}

/// Hands every call to the code at the address in its first slot.
contract Proxy {
    address private singleton;

    constructor(address singleton_) {
        singleton = singleton_;
    }

    fallback() external payable {
        assembly {
            calldatacopy(0, 0, calldatasize())
            let ok := delegatecall(gas(), sload(0), 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if ok { return(0, returndatasize()) }
            revert(0, returndatasize())
        }
    }
}

/// Creates Safes for owners who have signed for it; anybody may pay.
contract SafeFactory {
    bytes32 private constant DOMAIN_TYPE = keccak256("EIP712Domain(string name,uint256 chainId,address verifyingContract)");
    bytes32 private constant CREATE_TYPE = keccak256("CreateProxy(address paymentToken,uint256 payment,address paymentReceiver)");
    bytes32 private constant INIT_CODE_HASH = 0x2bce2127ff07fb632d16c8347c4ebf501f4841168bed00d9e6ef715ddb6fcecf;

    struct Sig {
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    address public immutable masterCopy;
    address public immutable fallbackHandler;

    event ProxyCreation(address proxy, address owner);

    constructor(address masterCopy_, address fallbackHandler_) {
        (masterCopy, fallbackHandler) = (masterCopy_, fallbackHandler_);
    }

    function createProxy(address paymentToken, uint256 payment, address payable paymentReceiver, Sig calldata sig) external {
        require(payment == 0, "SafeFactory: payments are left out");
        bytes32 s = keccak256(abi.encode(CREATE_TYPE, paymentToken, payment, paymentReceiver));
        address owner = ecrecover(keccak256(abi.encodePacked(hex"1901", domainSeparator(), s)), sig.v, sig.r, sig.s);
        require(owner != address(0), "Invalid signature");
        address wallet = Placer.place(owner);
        address[] memory owners = new address[](1);
        owners[0] = owner;
        Safe(payable(wallet)).setup(owners, 1, address(0), "", fallbackHandler, address(0), 0, payable(address(0)));
        emit ProxyCreation(wallet, owner);
    }

    function computeProxyAddress(address user) external view returns (address) {
        return address(uint160(uint256(keccak256(abi.encodePacked(hex"ff", this, keccak256(abi.encode(user)), INIT_CODE_HASH)))));
    }

    function domainSeparator() public view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPE, keccak256("Polymarket Contract Proxy Factory"), block.chainid, this));
    }
}

/// Runs packed calls in the name of the wallet that delegates to it: operation, target, value, length, data, end to end.
contract MultiSend {
    address private immutable self = address(this);

    function multiSend(bytes memory transactions) external payable {
        require(address(this) != self, "MultiSend should only be called via delegatecall");
        assembly {
            let end := add(add(transactions, 32), mload(transactions))
            for { let at := add(transactions, 32) } lt(at, end) {} {
                let size := mload(add(at, 53))
                let target := shr(96, mload(add(at, 1)))
                let ok := 0
                switch byte(0, mload(at))
                case 0 { ok := call(gas(), target, mload(add(at, 21)), add(at, 85), size, 0, 0) }
                case 1 { ok := delegatecall(gas(), target, add(at, 85), size, 0, 0) }
                if iszero(ok) { revert(0, 0) }
                at := add(at, add(85, size))
            }
        }
    }
}

struct ProxyCall {
    uint8 typeCode; // 1 calls, 2 delegates; anything else fails
    address to;
    uint256 value;
    bytes data;
}

/// A wallet that does what its factory says.
contract ProxyWallet is Receiver {
    address private singleton; // of the proxy, which shares this storage
    address private immutable factory;

    constructor(address factory_) {
        factory = factory_;
    }

    receive() external payable {}

    function proxy(ProxyCall[] calldata calls) external payable returns (bytes[] memory out) {
        require(msg.sender == factory, "must be called by owner");
        out = new bytes[](calls.length);
        for (uint256 i = 0; i < calls.length; i++) {
            bool ok;
            if (calls[i].typeCode == 1) (ok, out[i]) = calls[i].to.call{value: calls[i].value}(calls[i].data);
            else if (calls[i].typeCode == 2) (ok, out[i]) = calls[i].to.delegatecall(calls[i].data);
            if (!ok) _fail(out[i]);
        }
    }

    function _fail(bytes memory why) private pure {
        assembly {
            revert(add(why, 32), mload(why))
        }
    }
}

/// Acts through the wallet of whoever calls, or of whom the hub names behind the call's data.
contract ProxyWalletFactory {
    address public immutable hub;

    constructor(address hub_) {
        hub = hub_;
    }

    bytes32 private constant INIT_CODE_HASH = 0xd21df8dc65880a8606f09fe0ce3df9b8869287ab0b058be05aa9e8af6330a00b;

    function getProxyWallet(address owner) public view returns (address) {
        return address(uint160(uint256(keccak256(abi.encodePacked(hex"ff", this, keccak256(abi.encodePacked(owner)), INIT_CODE_HASH)))));
    }

    function proxy(ProxyCall[] calldata calls) external payable returns (bytes[] memory) {
        address owner = msg.sender;
        if (owner == hub) owner = address(bytes20(msg.data[msg.data.length - 20:]));
        address wallet = getProxyWallet(owner);
        if (wallet.code.length == 0) Placer.place(owner);
        return ProxyWallet(payable(wallet)).proxy{value: msg.value}(calls);
    }
}

/// Takes signed calls from relays. A call that fails uses up its nonce and leaves a receipt that looks well.
contract RelayHub {
    mapping(address => uint256) public getNonce;

    event TransactionRelayed(address indexed relay, address indexed from, address indexed to, bytes4 selector, uint8 status, uint256 charge);

    function relayCall(
        address from,
        address recipient,
        bytes calldata encodedFunction,
        uint256 transactionFee,
        uint256 gasPrice,
        uint256 gasLimit,
        uint256 nonce,
        bytes calldata signature,
        bytes calldata
    ) external {
        require(nonce == getNonce[from]++, "RelayHub: nonce does not match");
        {
            bytes memory head = abi.encodePacked("rlx:", from, recipient, encodedFunction, transactionFee, gasPrice);
            bytes memory tail = abi.encodePacked(gasLimit, nonce, this, msg.sender);
            require(_signed(from, keccak256(bytes.concat(head, tail)), signature), "RelayHub: wrong signature");
        }
        _relay(from, recipient, gasLimit, encodedFunction);
    }

    function _relay(address from, address recipient, uint256 gasLimit, bytes calldata encodedFunction) private {
        if (gasLimit > gasleft()) gasLimit = gasleft();
        (bool ok,) = recipient.call{gas: gasLimit}(abi.encodePacked(encodedFunction, from));
        emit TransactionRelayed(msg.sender, from, recipient, bytes4(encodedFunction), ok ? 0 : 1, 0);
    }

    function _signed(address from, bytes32 h, bytes calldata signature) private pure returns (bool) {
        if (signature.length != 65 || from == address(0)) return false;
        h = keccak256(abi.encodePacked("\x19Ethereum Signed Message:\n32", h));
        return ecrecover(h, uint8(signature[64]), bytes32(signature[:32]), bytes32(signature[32:64])) == from;
    }
}

struct Call {
    address target;
    uint256 value;
    bytes data;
}

struct Batch {
    address wallet;
    uint256 nonce;
    uint256 deadline;
    Call[] calls;
}

/// A wallet whose owner signs batches and only the venue's operator can bring them.
contract DepositWallet is Receiver {
    address private singleton; // of the proxy, which shares this storage
    address public owner;
    uint256 public nonce;
    address private immutable factory;

    bytes32 private constant DOMAIN_TYPE = keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant CALL_TYPE = keccak256("Call(address target,uint256 value,bytes data)");
    bytes32 private constant BATCH_TYPE =
        keccak256("Batch(address wallet,uint256 nonce,uint256 deadline,Call[] calls)Call(address target,uint256 value,bytes data)");

    constructor(address factory_) {
        factory = factory_;
    }

    receive() external payable {}

    function initialize(address owner_) external {
        require(msg.sender == factory && owner == address(0), "DepositWallet: not the factory");
        owner = owner_;
    }

    function execute(Batch calldata batch, bytes calldata signature) external {
        require(msg.sender == factory, "DepositWallet: not the factory");
        require(batch.wallet == address(this), "DepositWallet: another wallet");
        require(batch.nonce == nonce, "DepositWallet: invalid nonce");
        require(block.timestamp <= batch.deadline, "DepositWallet: expired");
        bytes32[] memory calls = new bytes32[](batch.calls.length);
        for (uint256 i = 0; i < calls.length; i++) {
            Call calldata c = batch.calls[i];
            calls[i] = keccak256(abi.encode(CALL_TYPE, c.target, c.value, keccak256(c.data)));
        }
        bytes32 s = keccak256(abi.encode(BATCH_TYPE, batch.wallet, batch.nonce, batch.deadline, keccak256(abi.encodePacked(calls))));
        s = keccak256(abi.encodePacked(hex"1901", domainSeparator(), s));
        require(signature.length == 65 && ecrecover(s, uint8(signature[64]), bytes32(signature[:32]), bytes32(signature[32:64])) == owner, "DepositWallet: wrong signature");
        nonce++;
        for (uint256 i = 0; i < batch.calls.length; i++) {
            Call calldata c = batch.calls[i];
            (bool ok, bytes memory why) = c.target.call{value: c.value}(c.data);
            if (!ok) {
                assembly {
                    revert(add(why, 32), mload(why))
                }
            }
        }
    }

    function domainSeparator() public view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPE, keccak256("DepositWallet"), keccak256("1"), block.chainid, this));
    }
}

contract DepositWalletFactory {
    error OnlyOperator();

    address public immutable operator;
    address public immutable BEACON; // in capitals, as production answers it

    event WalletDeployed(address indexed wallet, address indexed owner);

    constructor(address operator_, address beacon_) {
        (operator, BEACON) = (operator_, beacon_);
    }

    modifier onlyOperator() {
        if (msg.sender != operator) revert OnlyOperator();
        _;
    }

    function deploy(address[] calldata owners, bytes32[] calldata) external onlyOperator {
        for (uint256 i = 0; i < owners.length; i++) {
            address wallet = Placer.place(owners[i]);
            DepositWallet(payable(wallet)).initialize(owners[i]);
            emit WalletDeployed(wallet, owners[i]);
        }
    }

    function proxy(Batch[] calldata batches, bytes[] calldata signatures) external onlyOperator {
        for (uint256 i = 0; i < batches.length; i++) DepositWallet(payable(batches[i].wallet)).execute(batches[i], signatures[i]);
    }
}
