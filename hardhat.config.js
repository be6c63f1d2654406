// Hardhat for whoever knows it: `npx hardhat build`, `console`, `node`. The artifacts that the Python package ships come
// from scripts/compile.py, with the same compiler and the same settings.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { defineConfig } from "hardhat/config";

const { version, settings } = JSON.parse(readFileSync(new URL("contracts/compiler.json", import.meta.url), "utf8"));

export default defineConfig({
  solidity: {
    version,
    // npm's compiler, named by its path: Hardhat would download one otherwise.
    path: createRequire(import.meta.url).resolve("solc/soljson.js"),
    settings,
  },
});
