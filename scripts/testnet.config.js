// For scripts/testnet: a chain as the contract's compiler targets it, without Hardhat's accounts, whose keys all know.
// Nothing is compiled, the package ships the code.
export default {
  networks: { node: { type: "edr-simulated", chainType: "l1", chainId: 31337, hardfork: "prague", accounts: [] } },
};
