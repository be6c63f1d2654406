// Hardhat for whoever knows it: `npx hardhat build`, `console`, `node`. The artifacts that the Python package ships come
// from scripts/compile.py, with the same compiler and the same settings.

import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { defineConfig } from "hardhat/config";
import testnet from "./offchain/blindfair/cli/testnet/project/hardhat.config.js";

const { version, settings } = JSON.parse(readFileSync(new URL("contracts/compiler.json", import.meta.url), "utf8"));

// npm's compiler, named by its path: Hardhat would download one otherwise.
const compiler = { version, path: createRequire(import.meta.url).resolve("solc/soljson.js") };

// The contracts' tests, which scripts/audit runs: the pipeline by way of Yul cannot compile all of them.
const tests = readdirSync(new URL("contracts/test", import.meta.url), { recursive: true })
  .filter((file) => file.endsWith(".sol"))
  .map((file) => [`contracts/test/${file}`, { ...compiler, settings: { evmVersion: settings.evmVersion } }]);

export default defineConfig({
  ...testnet,
  solidity: { compilers: [{ ...compiler, settings }], overrides: Object.fromEntries(tests) },
});
