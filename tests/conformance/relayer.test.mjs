// The venue's official relayer client, unchanged but for its hosts, against a running sandbox: every kind of submission goes
// to CONFIRMED and does on the chain what it says, and what the venue refuses is refused in the venue's words.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { RelayClient, RelayerTxType } from "@polymarket/builder-relayer-client";
import { BuilderConfig, BuilderSigner } from "@polymarket/builder-signing-sdk";
import { createPublicClient, createWalletClient, encodeFunctionData, http, keccak256, parseAbi, toHex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { polygon } from "viem/chains";

console.log = console.error = () => {}; // the client tells everything that it signs

const urls = JSON.parse(readFileSync(process.env.SLUICE_SANDBOX, "utf8"));
const chain = { ...polygon, rpcUrls: { default: { http: [urls.rpc] } } };
const reader = createPublicClient({ chain, transport: http() });
const PUSD = "0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB";
const CTF = "0x4D97DCd97eC945f40cF65F87097ACe5EA0476045";
const abi = parseAbi([
  "function approve(address,uint256) returns (bool)", "function transfer(address,uint256) returns (bool)", "function setApprovalForAll(address,bool)",
  "function balanceOf(address) view returns (uint256)", "function allowance(address,address) view returns (uint256)",
  "function isApprovedForAll(address,address) view returns (bool)",
]);
const read = (address, functionName, ...args) => reader.readContract({ address, abi, functionName, args });
const data = (functionName, ...args) => encodeFunctionData({ abi, functionName, args });
const call = (to, ...what) => ({ to, data: data(...what), value: "0" });
const STRANGER = "0x00000000000000000000000000000000000000aa"; // any address may be allowed something
const account = (name) => urls.accounts.find((a) => a.name === name);

// clientOf is the official client of a key, with a builder's credentials.
function clientOf(key, type = RelayerTxType.SAFE, builder = urls.builders[0]) {
  const wallet = createWalletClient({ account: privateKeyToAccount(key), chain, transport: http() });
  const localBuilderCreds = { key: builder.key, secret: builder.secret, passphrase: builder.passphrase };
  return new RelayClient(urls.relayer, 137, wallet, new BuilderConfig({ localBuilderCreds }), type, { chain });
}
const somebodyNew = (name) => keccak256(toHex(`somebody new: ${name}`));

// confirmed waits as the client does, for the last state alone.
async function confirmed(client, submitted) {
  assert.equal(submitted.state, "STATE_NEW");
  const t = await client.pollUntilState(submitted.transactionID, ["STATE_CONFIRMED"], "STATE_FAILED", 30, 1000);
  assert.ok(t, "it is confirmed");
  assert.equal((await reader.getTransactionReceipt({ hash: t.transactionHash })).status, "success");
  return t;
}

describe("what the client submits is executed", { concurrency: true }, () => {
  test("a Safe is deployed, does one call, and a batch", async () => {
    const c = clientOf(somebodyNew("safe"));
    await assert.rejects(c.execute([call(PUSD, "approve", CTF, 5n)]), /not deployed/i);
    const { proxyAddress: safe } = await confirmed(c, await c.deploy());
    assert.equal(await c.getDeployed(safe), true);
    await assert.rejects(c.deploy(), /deployed/i);
    const one = await c.execute([call(PUSD, "approve", CTF, 5n)], "one");
    assert.equal((await confirmed(c, one)).metadata, "one");
    assert.equal(await read(PUSD, "allowance", safe, CTF), 5n);
    await confirmed(c, await c.execute([call(PUSD, "approve", STRANGER, 7n), call(PUSD, "approve", CTF, 9n), call(CTF, "setApprovalForAll", STRANGER, true)]));
    assert.equal(await read(PUSD, "allowance", safe, STRANGER), 7n);
    assert.equal(await read(PUSD, "allowance", safe, CTF), 9n);
    assert.equal(await read(CTF, "isApprovedForAll", safe, STRANGER), true);
    assert.equal((await c.getNonce(await c.signer.getAddress(), "SAFE")).nonce, "2");
  });

  test("a funded Safe pays", async () => {
    const [c, safe] = [clientOf(account("main").private_key), account("main").funder];
    const before = await read(PUSD, "balanceOf", safe);
    const t = await c.execute([call(PUSD, "transfer", STRANGER, 1_000_000n)]);
    await confirmed(c, t);
    assert.equal(before - (await read(PUSD, "balanceOf", safe)), 1_000_000n);
    assert.ok((await c.getTransactions()).some((x) => x.transactionID === t.transactionID));
  });

  test("a proxy wallet pays, twice", async () => {
    const [c, wallet] = [clientOf(account("proxy").private_key, RelayerTxType.PROXY), account("proxy").funder];
    const before = await read(PUSD, "balanceOf", wallet);
    await confirmed(c, await c.execute([call(PUSD, "transfer", STRANGER, 2_000_000n)]));
    await confirmed(c, await c.execute([call(PUSD, "transfer", STRANGER, 3_000_000n), call(PUSD, "approve", CTF, 5n)]));
    assert.equal(before - (await read(PUSD, "balanceOf", wallet)), 5_000_000n);
  });

  test("a new proxy wallet is made by its first call", async () => {
    const c = clientOf(somebodyNew("proxy"), RelayerTxType.PROXY);
    const { proxyAddress } = await confirmed(c, await c.execute([call(PUSD, "approve", CTF, 5n)]));
    assert.equal(await read(PUSD, "allowance", proxyAddress, CTF), 5n);
  });

  test("a deposit wallet is deployed where the client expects it, and does a batch", async () => {
    const c = clientOf(somebodyNew("deposit"));
    const { proxyAddress } = await confirmed(c, await c.deployDepositWallet());
    const wallet = await c.deriveDepositWalletAddress();
    assert.equal(wallet, proxyAddress);
    assert.equal(await c.getDeployed(wallet, "WALLET"), true);
    const deadline = String(Math.floor(Date.now() / 1000) + 600);
    const calls = [5n, 6n].map((n, i) => ({ target: PUSD, value: "0", data: data("approve", [CTF, STRANGER][i], n) }));
    await confirmed(c, await c.executeDepositWalletBatch(calls, wallet, deadline));
    assert.equal(await read(PUSD, "allowance", wallet, CTF), 5n);
    assert.equal(await read(PUSD, "allowance", wallet, STRANGER), 6n);
  });

  test("a funded deposit wallet pays", async () => {
    const [c, a] = [clientOf(account("deposit").private_key), account("deposit")];
    assert.equal(await c.deriveDepositWalletAddress(), a.funder);
    const before = await read(PUSD, "balanceOf", a.funder);
    const calls = [{ target: PUSD, value: "0", data: data("transfer", STRANGER, 4_000_000n) }];
    await confirmed(c, await c.executeDepositWalletBatch(calls, a.funder, String(Math.floor(Date.now() / 1000) + 600)));
    assert.equal(before - (await read(PUSD, "balanceOf", a.funder)), 4_000_000n);
  });
});

// changed makes a client that changes what it is about to submit, after signing it and before the builder signs the request.
function changed(client, change) {
  const send = client.sendAuthedRequest.bind(client);
  client.sendAuthedRequest = (method, path, body) => send(method, path, JSON.stringify(change(JSON.parse(body))));
  return client;
}
const refusal = async (promise) => {
  try {
    await promise;
  } catch (e) {
    const { status, data } = JSON.parse(e.message);
    return `${status} ${data.error}`;
  }
  assert.fail("it was taken");
};
const pay = [call(PUSD, "transfer", STRANGER, 1n)];

describe("what is refused, in the venue's own words", () => {
  const key = account("second").private_key;

  test("a tampered signature", async () => {
    const flip = (s) => s.slice(0, 20) + (s[20] === "0" ? "1" : "0") + s.slice(21);
    assert.equal(await refusal(changed(clientOf(key), (r) => ({ ...r, signature: flip(r.signature) })).execute(pay)), "400 invalid signature");
    assert.equal(await refusal(changed(clientOf(key), (r) => ({ ...r, data: data("transfer", STRANGER, 2n) })).execute(pay)), "400 invalid signature");
  });

  test("another's key", async () => {
    const main = account("main");
    const theirs = (r) => ({ ...r, from: main.address, proxyWallet: main.funder });
    assert.equal(await refusal(changed(clientOf(key), theirs).execute(pay)), "400 invalid signature");
  });

  test("credentials that do not hold", async () => {
    for (const wrong of [{ secret: Buffer.alloc(32, 7).toString("base64") }, { passphrase: "x" }, { key: "00000000-0000-4000-8000-000000000001" }]) {
      assert.equal(await refusal(clientOf(key, RelayerTxType.SAFE, { ...urls.builders[0], ...wrong }).execute(pay)), "401 invalid authorization");
    }
  });

  test("a call to somebody who is not the venue's", async () => {
    assert.match(await refusal(clientOf(key).execute([{ to: STRANGER, data: "0x", value: "0" }])), /^400 call blocked: /);
    assert.match(await refusal(clientOf(key).execute([...pay, { to: account("second").funder, data: "0x", value: "0" }])), /^400 call blocked: /);
  });

  test("a call that would fail ends as INVALID", async () => {
    const c = clientOf(key);
    const { transactionID } = await c.execute([call(PUSD, "transfer", STRANGER, 10n ** 30n)]);
    assert.ok(await c.pollUntilState(transactionID, ["STATE_INVALID"], "STATE_CONFIRMED", 30, 1000));
  });

  test("the day's last unit is gone", async () => {
    const builder = urls.builders[2];
    const signer = new BuilderSigner(builder);
    for (let i = 0; i < 100; i++) {
      const r = await fetch(urls.relayer + "/submit", { method: "POST", body: "{}", headers: signer.createBuilderHeaderPayload("POST", "/submit", "{}") });
      assert.equal(r.status, 400, `what is refused costs a unit, too: ${i}`);
      await r.text();
    }
    const words = await refusal(clientOf(key, RelayerTxType.SAFE, builder).execute(pay));
    const [, seconds] = /^429 quota exceeded: 0 units remaining, resets in (\d+) seconds$/.exec(words) ?? assert.fail(words);
    assert.ok(seconds > 86_000 && seconds <= 86_400, seconds);
    assert.equal((await clientOf(key).getNonce(account("second").address, "SAFE")).nonce, "0", "reading is free");
  });
});
