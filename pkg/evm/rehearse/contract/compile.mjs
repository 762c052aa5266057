// Compiles Rehearsal.sol and writes rehearsal.hex: its runtime code. `node compile.mjs` writes the file, `node compile.mjs -`
// prints it. The compiler is the sandbox's: run `npm ci` in pkg/sandbox/chain/contracts before.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const here = new URL(".", import.meta.url);
const solc = createRequire(new URL("../../../sandbox/chain/contracts/package.json", here))("solc");
const input = {
  language: "Solidity",
  sources: { "Rehearsal.sol": { content: readFileSync(new URL("Rehearsal.sol", here), "utf8") } },
  settings: {
    evmVersion: "paris", // no instruction that an older machine lacks
    optimizer: { enabled: true, runs: 200 },
    metadata: { appendCBOR: false, bytecodeHash: "none" },
    outputSelection: { "*": { "*": ["evm.deployedBytecode.object"] } },
  },
};
const out = JSON.parse(solc.compile(JSON.stringify(input)));
for (const e of out.errors ?? []) console.error(e.formattedMessage);
if ((out.errors ?? []).length > 0) process.exit(1); // a warning is an error
const text = "0x" + out.contracts["Rehearsal.sol"].Rehearsal.evm.deployedBytecode.object + "\n";
if (process.argv[2] === "-") process.stdout.write(text);
else writeFileSync(new URL("rehearsal.hex", here), text);
