// The chain of `blindfair testnet` and of the tests: as the contract's compiler targets it, and without Hardhat's accounts,
// whose keys all know. Nothing is compiled, the package ships the code. The checkout's hardhat.config.js takes it from here.
export default {
  networks: { node: { type: "edr-simulated", chainType: "l1", chainId: 31337, hardfork: "prague", accounts: [] } },
};
