// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

/// A plain ERC-20 with six decimals. Whoever is a minter may create and destroy: the bridge for USDC.e, the ramps for pUSD.
contract Token {
    string public name;
    string public symbol;
    uint8 public constant decimals = 6;
    uint256 public totalSupply;
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;
    mapping(address => bool) public isMinter;
    address public immutable owner;

    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);

    modifier onlyMinter() {
        require(isMinter[msg.sender], "Token: not a minter");
        _;
    }

    constructor(string memory name_, string memory symbol_, address owner_) {
        (name, symbol, owner) = (name_, symbol_, owner_);
        isMinter[owner_] = true;
    }

    function setMinter(address who, bool may) external {
        require(msg.sender == owner, "Token: not the owner");
        isMinter[who] = may;
    }

    function approve(address spender, uint256 value) external returns (bool) {
        allowance[msg.sender][spender] = value;
        emit Approval(msg.sender, spender, value);
        return true;
    }

    function transfer(address to, uint256 value) external returns (bool) {
        _move(msg.sender, to, value);
        return true;
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        uint256 allowed = allowance[from][msg.sender];
        if (allowed != type(uint256).max) {
            require(allowed >= value, "ERC20: transfer amount exceeds allowance");
            allowance[from][msg.sender] = allowed - value;
        }
        _move(from, to, value);
        return true;
    }

    function mint(address to, uint256 value) external onlyMinter {
        _mint(to, value);
    }

    function _mint(address to, uint256 value) internal {
        totalSupply += value;
        balanceOf[to] += value;
        emit Transfer(address(0), to, value);
    }

    function _burn(address from, uint256 value) internal {
        require(balanceOf[from] >= value, "ERC20: burn amount exceeds balance");
        balanceOf[from] -= value;
        totalSupply -= value;
        emit Transfer(from, address(0), value);
    }

    function _move(address from, address to, uint256 value) internal {
        require(to != address(0), "ERC20: transfer to the zero address");
        require(balanceOf[from] >= value, "ERC20: transfer amount exceeds balance");
        balanceOf[from] -= value;
        balanceOf[to] += value;
        emit Transfer(from, to, value);
    }
}

/// pUSD: each unit stands for one USDC.e that lies in this contract. Only the ramps and adapters wrap and unwrap.
contract Collateral is Token {
    event Wrapped(address indexed caller, address indexed asset, address indexed to, uint256 amount);
    event Unwrapped(address indexed caller, address indexed asset, address indexed to, uint256 amount);

    Token public immutable USDCE;

    constructor(address owner_, Token usdce) Token("Polymarket USD", "pUSD", owner_) {
        USDCE = usdce;
    }

    /// The caller has moved `amount` of the asset here before.
    function wrap(address asset, address to, uint256 amount, address, bytes calldata) external onlyMinter {
        require(asset == address(USDCE), "Collateral: invalid asset");
        _mint(to, amount);
        require(USDCE.balanceOf(address(this)) >= totalSupply, "Collateral: not backed");
        emit Wrapped(msg.sender, asset, to, amount);
    }

    /// The caller has moved `amount` of pUSD here before.
    function unwrap(address asset, address to, uint256 amount, address, bytes calldata) external onlyMinter {
        require(asset == address(USDCE), "Collateral: invalid asset");
        _burn(address(this), amount);
        USDCE.transfer(to, amount);
        emit Unwrapped(msg.sender, asset, to, amount);
    }
}

/// Both ramps, the one way in and the other out, behind one pause.
contract Ramp {
    error OnlyUnpaused();

    Token public immutable USDCE;
    Collateral public immutable COLLATERAL;
    address public immutable operator;
    mapping(address => bool) public paused;

    constructor(Token usdce, Collateral collateral, address operator_) {
        (USDCE, COLLATERAL, operator) = (usdce, collateral, operator_);
    }

    function setPaused(address asset, bool value) external {
        require(msg.sender == operator, "Ramp: not the operator");
        paused[asset] = value;
    }

    modifier open(address asset) {
        if (paused[asset]) revert OnlyUnpaused();
        _;
    }
}

contract Onramp is Ramp {
    constructor(Token usdce, Collateral collateral, address operator_) Ramp(usdce, collateral, operator_) {}

    function wrap(address asset, address to, uint256 amount) external open(asset) {
        require(asset == address(USDCE), "Ramp: invalid asset");
        USDCE.transferFrom(msg.sender, address(COLLATERAL), amount);
        COLLATERAL.wrap(asset, to, amount, address(0), "");
    }
}

contract Offramp is Ramp {
    constructor(Token usdce, Collateral collateral, address operator_) Ramp(usdce, collateral, operator_) {}

    function unwrap(address asset, address to, uint256 amount) external open(asset) {
        COLLATERAL.transferFrom(msg.sender, address(COLLATERAL), amount);
        COLLATERAL.unwrap(asset, to, amount, address(0), "");
    }
}

/// The collateral inside neg-risk positions: USDC.e one to one, except for what the adapter mints to convert with.
contract WrappedCollateral is Token {
    Token public immutable underlying;

    constructor(Token underlying_, address adapter) Token("Wrapped Collateral", "WCOL", adapter) {
        underlying = underlying_;
    }

    function wrap(address to, uint256 amount) external onlyMinter {
        underlying.transferFrom(msg.sender, address(this), amount);
        _mint(to, amount);
    }

    function unwrap(address to, uint256 amount) external {
        _burn(msg.sender, amount);
        underlying.transfer(to, amount);
    }

    /// Pays out what lies here without burning; what the adapter minted to convert with makes up for it.
    function release(address to, uint256 amount) external onlyMinter {
        underlying.transfer(to, amount);
    }
}
