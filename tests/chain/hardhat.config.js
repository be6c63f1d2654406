// For `hardhat node` in the tests of the chain room: nothing is compiled, the package ships the contracts' code.
export default {
  networks: { default: { type: "edr-simulated", chainType: "l1", chainId: 31337, hardfork: "prague" } },
};
