// Compiles every contract of this folder and writes artefacts.json: per contract its creation code and its interface.
// `node compile.mjs` writes the file, `node compile.mjs -` prints it.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import solc from "solc";

const here = new URL(".", import.meta.url);
const names = readdirSync(here).filter((n) => n.endsWith(".sol")).sort();
const input = {
  language: "Solidity",
  sources: Object.fromEntries(names.map((n) => [n, { content: readFileSync(new URL(n, here), "utf8") }])),
  settings: {
    evmVersion: "cancun",
    optimizer: { enabled: true, runs: 200 },
    metadata: { appendCBOR: false, bytecodeHash: "none" },
    outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
  },
};
const out = JSON.parse(solc.compile(JSON.stringify(input)));
const transientStorageIsUsed = "2394"; // on purpose, and cleared
const said = (out.errors ?? []).filter((e) => e.errorCode !== transientStorageIsUsed);
for (const e of said) console.error(e.formattedMessage);
if (said.length > 0) process.exit(1); // a warning is an error

const deployed = [
  "Collateral", "ConditionalTokens", "CtfCollateralAdapter", "DepositWallet", "DepositWalletFactory", "Exchange", "MultiSend", "Multicall3", "NegRiskAdapter",
  "NegRiskCtfCollateralAdapter", "Offramp", "Onramp", "Oracle", "Proxy", "ProxyWallet", "ProxyWalletFactory", "RelayHub", "Safe", "SafeFactory", "Token",
  "WrappedCollateral",
];
const found = {};
for (const file of Object.keys(out.contracts).sort()) {
  for (const [name, c] of Object.entries(out.contracts[file])) {
    if (!deployed.includes(name)) continue; // parts of others
    found[name] = { abi: c.abi, creation: "0x" + c.evm.bytecode.object };
  }
}
const text = "{\n" + Object.keys(found).sort().map((n) => `${JSON.stringify(n)}: ${JSON.stringify(found[n])}`).join(",\n") + "\n}\n";
if (process.argv[2] === "-") process.stdout.write(text);
else writeFileSync(new URL("artefacts.json", here), text);
