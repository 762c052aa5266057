// The venue's official client, unchanged but for its host, against a running sandbox. SLUICE_SANDBOX names the file that
// `sluice sandbox --url-file` wrote.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test, describe } from "node:test";
import { Wallet } from "@ethersproject/wallet";
import { ClobClient, OrderType, Side } from "@polymarket/clob-client-v2";

const urls = JSON.parse(readFileSync(process.env.SLUICE_SANDBOX, "utf8"));
const market = (slug) => urls.markets.find((m) => m.slug === slug);

async function clientOf(name, change = {}) {
  const a = urls.accounts.find((x) => x.name === name);
  const options = { host: urls.clob, chain: 137, signer: new Wallet(a.private_key), signatureType: a.signature_type, funderAddress: a.funder };
  const creds = await new ClobClient(options).createOrDeriveApiKey();
  return new ClobClient({ ...options, creds, throwOnError: false, ...change });
}

const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
const errorOf = (r) => String(r?.error ?? r?.errorMsg ?? JSON.stringify(r));
async function eventually(f, what) {
  for (let i = 0; i < 100; i++) {
    const v = await f();
    if (v) return v;
    await sleep(50);
  }
  assert.fail(`never: ${what}`);
}
const best = (levels) => Number(levels.at(-1).price); // the venue sorts the best level last
const decimals = (tick) => (tick.split(".")[1] ?? "").length;
const onTick = (p, tick) => Number(p.toFixed(decimals(tick)));

describe("credentials", () => {
  test("the same key is derived for ever, and listed", async () => {
    const c = await clientOf("eoa");
    const again = await clientOf("eoa");
    assert.equal(again.creds.key, c.creds.key);
    assert.equal(again.creds.secret, c.creds.secret);
    assert.ok((await c.getApiKeys()).apiKeys.includes(c.creds.key));
    assert.equal((await c.getClosedOnlyMode()).closed_only, false);
  });

  test("a wrong secret is refused", async () => {
    const good = await clientOf("eoa");
    const bad = await clientOf("eoa", { creds: { ...good.creds, secret: Buffer.alloc(32, 7).toString("base64url") } });
    assert.match(errorOf(await bad.getApiKeys()), /Unauthorized\/Invalid api key/);
    const token = market("sandbox-coin").tokens[0];
    const order = await bad.createOrder({ tokenID: token, price: 0.1, size: 10, side: Side.BUY });
    assert.match(errorOf(await bad.postOrder(order)), /Unauthorized\/Invalid api key/);
  });
});

describe("market data", () => {
  test("every read that the client has", async () => {
    const c = await clientOf("main");
    assert.equal(await c.getOk(), "OK");
    assert.ok(Math.abs((await c.getServerTime()) - Date.now() / 1000) < 5);
    assert.equal(await c.getVersion(), 2);
    const { data } = await c.getMarkets();
    assert.equal(data.length, urls.markets.length);
    for (const m of urls.markets) {
      assert.equal((await c.getMarket(m.condition_id)).market_slug, m.slug);
      for (const token of m.tokens) {
        assert.equal(await c.getTickSize(token), m.tick_size);
        assert.equal(await c.getNegRisk(token), m.neg_risk);
        const book = await c.getOrderBook(token);
        assert.ok(book.bids.length > 1 && book.asks.length > 1, `${m.slug} has liquidity on both sides`);
        assert.ok(best(book.bids) < best(book.asks));
        assert.equal(Number((await c.getPrice(token, "BUY")).price), best(book.bids));
        assert.equal(Number((await c.getPrice(token, "SELL")).price), best(book.asks));
        assert.equal(await c.getOrderBookHash(book), (await c.getOrderBook(token)).hash);
      }
      const params = m.tokens.map((token_id) => ({ token_id, side: Side.BUY }));
      assert.equal((await c.getOrderBooks(params)).length, 2);
      assert.equal(Object.keys(await c.getMidpoints(params)).length, 2);
      assert.equal(Object.keys(await c.getPrices(params)).length, 2);
      assert.equal(Object.keys(await c.getSpreads(params)).length, 2);
    }
  });

  test("balances", async () => {
    for (const a of urls.accounts) {
      const c = await clientOf(a.name);
      const cash = await c.getBalanceAllowance({ asset_type: "COLLATERAL" });
      assert.ok(Number(cash.balance) > 0, `${a.name} is funded`);
      const shares = await c.getBalanceAllowance({ asset_type: "CONDITIONAL", token_id: market("sandbox-coin").tokens[0] });
      assert.ok(Number(shares.balance) > 0);
    }
  });
});

describe("orders on every tick, from every kind of wallet", () => {
  for (const m of urls.markets) {
    for (const name of ["eoa", "proxy", "main", "deposit"]) {
      test(`${m.slug} (${m.tick_size}) by ${name}`, async () => {
        const c = await clientOf(name);
        const token = m.tokens[0];
        const book = await c.getOrderBook(token);
        const tick = Number(m.tick_size);

        // Limit, resting on both sides, then cancelled.
        const low = onTick(Math.max(tick, best(book.bids) - 2 * tick), m.tick_size);
        const high = onTick(Math.min(1 - tick, best(book.asks) + 2 * tick), m.tick_size);
        const buy = await c.createAndPostOrder({ tokenID: token, price: low, size: 10, side: Side.BUY }, undefined, OrderType.GTC);
        assert.ok(buy.success && buy.status === "live", errorOf(buy));
        const sell = await c.createAndPostOrder({ tokenID: token, price: high, size: 10, side: Side.SELL }, undefined, OrderType.GTC);
        assert.ok(sell.success && sell.status === "live", errorOf(sell));
        assert.deepEqual((await c.cancelOrder({ orderID: buy.orderID })).canceled, [buy.orderID]);
        assert.deepEqual((await c.cancelOrder({ orderID: sell.orderID })).canceled, [sell.orderID]);

        // Limit that crosses, and market orders of both kinds on both sides.
        const cross = await c.createAndPostOrder({ tokenID: token, price: best(book.asks), size: 6, side: Side.BUY });
        assert.ok(cross.success && cross.status === "matched", errorOf(cross));
        for (const type of [OrderType.FOK, OrderType.FAK]) {
          const spend = await c.createAndPostMarketOrder({ tokenID: token, amount: 5, side: Side.BUY }, undefined, type);
          assert.ok(spend.success && spend.status === "matched", `${type} BUY: ${errorOf(spend)}`);
          const give = await c.createAndPostMarketOrder({ tokenID: token, amount: 6, side: Side.SELL }, undefined, type);
          assert.ok(give.success && give.status === "matched", `${type} SELL: ${errorOf(give)}`);
        }
      });
    }
  }
});

describe("life of an order", () => {
  test("GTD rests, post-only does not cross", async () => {
    const c = await clientOf("main");
    const token = market("sandbox-coin").tokens[0];
    const expiration = Math.floor(Date.now() / 1000) + 300;
    const gtd = await c.createAndPostOrder({ tokenID: token, price: 0.1, size: 10, side: Side.BUY, expiration }, undefined, OrderType.GTD);
    assert.equal(gtd.status, "live", errorOf(gtd));
    assert.equal(Number((await c.getOrder(gtd.orderID)).expiration), expiration);
    const soon = await c.createAndPostOrder({ tokenID: token, price: 0.1, size: 10, side: Side.BUY, expiration: expiration - 250 }, undefined, OrderType.GTD);
    assert.match(errorOf(soon), /invalid expiration/);
    const ask = best((await c.getOrderBook(token)).asks);
    const crossing = await c.createAndPostOrder({ tokenID: token, price: ask, size: 10, side: Side.BUY }, undefined, OrderType.GTC, true);
    assert.match(errorOf(crossing), /crosses (the )?book/);
    assert.deepEqual((await c.cancelOrder({ orderID: gtd.orderID })).canceled, [gtd.orderID]);
  });

  test("a batch of 15 is taken, one of 16 is refused", async () => {
    const c = await clientOf("second");
    const token = market("sandbox-coin").tokens[1];
    const args = [];
    for (let i = 0; i < 16; i++) {
      args.push({ order: await c.createOrder({ tokenID: token, price: 0.05 + i / 100, size: 10 + i, side: Side.BUY }), orderType: OrderType.GTC });
    }
    assert.match(errorOf(await c.postOrders(args)), /Too many orders in payload: 16, max allowed: 15/);
    const answers = await c.postOrders(args.slice(0, 15));
    assert.equal(answers.length, 15);
    for (const a of answers) assert.ok(a.success && a.status === "live", errorOf(a));
    const ids = answers.map((a) => a.orderID);
    const open = await c.getOpenOrders({ asset_id: token });
    assert.deepEqual(open.map((o) => o.id).sort(), [...ids].sort());

    // Every way of cancelling.
    assert.deepEqual((await c.cancelOrder({ orderID: ids[0] })).canceled, [ids[0]]);
    const again = await c.cancelOrder({ orderID: ids[0] });
    assert.equal(again.not_canceled[ids[0]], "Order not found or already canceled");
    assert.deepEqual((await c.cancelOrders([ids[1], ids[2]])).canceled.sort(), [ids[1], ids[2]].sort());
    const other = await c.createAndPostOrder({ tokenID: market("sandbox-dime").tokens[0], price: 0.1, size: 10, side: Side.BUY });
    assert.equal((await c.cancelMarketOrders({ market: market("sandbox-coin").condition_id, asset_id: token })).canceled.length, 12);
    assert.deepEqual((await c.cancelAll()).canceled, [other.orderID]);
    assert.deepEqual(await c.getOpenOrders(), []);
    assert.equal((await c.getOrder(ids[0])).status.replace("ORDER_STATUS_", ""), "CANCELED");
  });

  test("trades come to both sides and are confirmed", async () => {
    const [a, b] = [await clientOf("main"), await clientOf("second")];
    const token = market("sandbox-coin").tokens[0];
    const book = await a.getOrderBook(token);
    const price = onTick((best(book.bids) + best(book.asks)) / 2, "0.01");
    const inside = price > best(book.bids) && price < best(book.asks) ? price : best(book.bids);
    const rest = await a.createAndPostOrder({ tokenID: token, price: inside, size: 20, side: Side.BUY });
    assert.ok(rest.success, errorOf(rest));
    const hit = await b.createAndPostOrder({ tokenID: token, price: onTick(inside - 0.1, "0.01"), size: 3000, side: Side.SELL });
    assert.equal(hit.status, "matched", errorOf(hit));
    const trade = await eventually(async () => (await a.getTrades({ asset_id: token })).find(
      (t) => t.maker_orders.some((m) => m.order_id === rest.orderID) && t.status.endsWith("CONFIRMED")), "confirmed for the maker");
    assert.equal(trade.trader_side, "MAKER");
    assert.match(trade.transaction_hash, /^0x[0-9a-f]{64}$/);
    const theirs = await b.getTrades({ id: trade.id });
    assert.equal(theirs[0].trader_side, "TAKER");
    await a.cancelAll();
    await b.cancelAll();
  });

  test("a builder's code goes along with orders of every kind", async () => {
    const [a, b] = [await clientOf("main", { throwOnError: true }), await clientOf("second", { throwOnError: true })];
    const builderCode = "0x" + "5a".repeat(32);
    const token = market("sandbox-dime").tokens[0];
    const bid = best((await a.getOrderBook(token)).bids);
    const rest = await a.createAndPostOrder({ tokenID: token, price: bid, size: 10, side: Side.BUY, builderCode });
    assert.equal(rest.status, "live", errorOf(rest));
    const hit = await b.createAndPostMarketOrder({ tokenID: token, amount: 9000, side: Side.SELL, price: bid, builderCode }, undefined, OrderType.FAK);
    assert.equal(hit.status, "matched", errorOf(hit));
    const rows = (await a.getTrades({ asset_id: token })).flatMap((t) => t.maker_orders).filter((m) => m.order_id === rest.orderID);
    assert.ok(rows.length > 0 && rows.every((m) => m.builder_code === builderCode));
    await a.cancelAll();
  });

  test("heartbeats keep orders, and go on from the id returned before", async () => {
    const c = await clientOf("deposit");
    const first = await c.postHeartbeat("");
    assert.ok(first.heartbeat_id);
    const second = await c.postHeartbeat(first.heartbeat_id);
    assert.ok(second.heartbeat_id);
    const wrong = await c.postHeartbeat("11111111-1111-4111-8111-111111111111");
    assert.match(errorOf(wrong), /Invalid Heartbeat ID/);
  });
});

describe("what is refused, in the venue's own words", () => {
  const token = () => market("sandbox-coin").tokens[0];
  const signed = (c, over = {}) => c.createOrder({ tokenID: token(), price: 0.2, size: 10, side: Side.BUY, ...over });

  test("a tampered amount", async () => {
    const c = await clientOf("main");
    const o = await signed(c);
    assert.equal(errorOf(await c.postOrder({ ...o, takerAmount: "11000000" })), "invalid signature");
    const p = await signed(c);
    assert.equal(errorOf(await c.postOrder({ ...p, makerAmount: "2200000", takerAmount: "11000000" })), "invalid signature");
  });

  test("a bad signature", async () => {
    const c = await clientOf("main");
    const o = await signed(c);
    const other = await signed(await clientOf("second"));
    assert.equal(errorOf(await c.postOrder({ ...o, signature: other.signature })), "invalid signature");
  });

  test("a repeated order", async () => {
    const c = await clientOf("main");
    const o = await signed(c);
    const first = await c.postOrder(o);
    assert.equal(first.status, "live", errorOf(first));
    assert.match(errorOf(await c.postOrder(o)), /is invalid\. Duplicated\./);
    await c.cancelOrder({ orderID: first.orderID });
  });

  test("a wrong wallet kind", async () => {
    for (const [name, wrong] of [["main", 1], ["proxy", 2], ["eoa", 2], ["deposit", 2]]) {
      const c = await clientOf(name, { signatureType: wrong });
      const r = await c.postOrder(await signed(c));
      assert.ok(!r.success || r.error, `${name} as ${wrong} was accepted`);
      assert.equal(errorOf(r), "maker address not allowed, please use the deposit wallet flow", `${name} as ${wrong}`);
    }
  });

  test("somebody else's key as owner", async () => {
    const c = await clientOf("main");
    const d = await clientOf("second", { creds: c.creds });
    assert.equal(errorOf(await d.postOrder(await signed(d))), "Unauthorized/Invalid api key");
  });

  test("off the tick, too small, without money", async () => {
    const c = await clientOf("main");
    const misled = await clientOf("main");
    misled.tickSizes[token()] = "0.001"; // the client itself refuses a tick that the market does not have
    const off = await misled.createOrder({ tokenID: token(), price: 0.201, size: 10, side: Side.BUY });
    assert.match(errorOf(await c.postOrder(off)), /breaks minimum tick size rule: 0\.01/);
    assert.match(errorOf(await c.postOrder(await signed(c, { size: 1 }))), /lower than the minimum: 5/);
    assert.match(errorOf(await c.postOrder(await signed(c, { size: 9_000_000 }))), /not enough balance \/ allowance/);
  });

  test("FOK that cannot be filled, FAK that meets nothing", async () => {
    const c = await clientOf("main");
    const m = market("sandbox-coin");
    const bid = best((await c.getOrderBook(token())).bids);
    const fok = await c.createMarketOrder({ tokenID: token(), amount: 50, side: Side.BUY, price: bid });
    assert.match(errorOf(await c.postOrder(fok, OrderType.FOK)), /FOK orders are fully filled or killed/);
    const fak = await c.createMarketOrder({ tokenID: token(), amount: 50, side: Side.BUY, price: bid });
    assert.match(errorOf(await c.postOrder(fak, OrderType.FAK)), /no orders found to match with FAK order/);
    assert.ok(m);
  });
});
