// An order filled through the venue's official client is found by a stranger on the sandbox's chain: viem reads balances and
// the settlement by plain JSON-RPC, and both equal what the venue says.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Wallet } from "@ethersproject/wallet";
import { AssetType, ClobClient, OrderType, Side } from "@polymarket/clob-client-v2";
import { createPublicClient, http, parseAbi } from "viem";
import { polygon } from "viem/chains";

const urls = JSON.parse(readFileSync(process.env.SLUICE_SANDBOX, "utf8"));
const chain = createPublicClient({ chain: polygon, transport: http(urls.rpc) });
const PUSD = "0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB";
const CTF = "0x4D97DCd97eC945f40cF65F87097ACe5EA0476045";
const token = parseAbi(["function balanceOf(address) view returns (uint256)"]);
const shares = parseAbi(["function balanceOf(address,uint256) view returns (uint256)"]);
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

const cash = (of) => chain.readContract({ address: PUSD, abi: token, functionName: "balanceOf", args: [of] });
const held = (of, id) => chain.readContract({ address: CTF, abi: shares, functionName: "balanceOf", args: [of, BigInt(id)] });

async function clientOf(a) {
  const options = { host: urls.clob, chain: 137, signer: new Wallet(a.private_key), signatureType: a.signature_type, funderAddress: a.funder };
  return new ClobClient({ ...options, creds: await new ClobClient(options).createOrDeriveApiKey(), throwOnError: true });
}

test("the chain is Polygon's, with the contracts in their places", async () => {
  assert.equal(await chain.getChainId(), 137);
  for (const at of [PUSD, CTF, polygon.contracts.multicall3.address]) assert.ok((await chain.getCode({ address: at })).length > 2);
});

for (const account of urls.accounts) {
  for (const slug of ["sandbox-coin", "sandbox-election"]) {
    test(`a purchase of ${account.name} in ${slug}`, async () => {
      const c = await clientOf(account);
      const id = urls.markets.find((m) => m.slug === slug).tokens[0];
      const before = { cash: await cash(account.funder), held: await held(account.funder, id) };
      const order = await c.createOrder({ tokenID: id, price: 0.6, size: 10, side: Side.BUY });
      const placed = await c.postOrder(order, OrderType.GTC);
      assert.equal(placed.status, "matched");
      let trade;
      for (let i = 0; i < 100 && trade?.status !== "TRADE_STATUS_CONFIRMED"; i++, await sleep(50)) {
        trade = (await c.getTrades({ id: placed.tradeIDs[0] }))[0];
      }
      assert.equal(trade.status, "TRADE_STATUS_CONFIRMED");
      const receipt = await chain.getTransactionReceipt({ hash: trade.transaction_hash });
      assert.equal(receipt.status, "success");
      const topic = "0xd543adfd945773f1a62f74f0ee55a5e3b9b1a28262980ba90b1a89f2ea84d8ee";
      assert.ok(receipt.logs.some((l) => l.topics[0] === topic && l.topics[1].toLowerCase() === placed.orderID.toLowerCase()), "the order's fill is in the logs");

      assert.equal((await held(account.funder, id)) - before.held, 10_000_000n);
      assert.equal(before.cash - (await cash(account.funder)), BigInt(Math.round(Number(placed.makingAmount) * 1e6)));
      const told = await c.getBalanceAllowance({ asset_type: AssetType.COLLATERAL });
      assert.equal(BigInt(told.balance), await cash(account.funder));
      const shown = await c.getBalanceAllowance({ asset_type: AssetType.CONDITIONAL, token_id: id });
      assert.equal(BigInt(shown.balance), await held(account.funder, id));

      const [both] = await chain.multicall({ contracts: [{ address: PUSD, abi: token, functionName: "balanceOf", args: [account.funder] }] });
      assert.equal(both.result, await cash(account.funder));
    });
  }
}
