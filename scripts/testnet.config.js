// For scripts/testnet: a chain as the contract's compiler targets it. Nothing is compiled, the package ships the code.
export default {
  networks: { default: { type: "edr-simulated", chainType: "l1", chainId: 31337, hardfork: "prague" } },
};
