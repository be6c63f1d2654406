// A chain with several blocks in a second, as some second layers have: they bear the same time.
import testnet from "../../../offchain/blindfair/cli/testnet/project/hardhat.config.js";

const { node } = testnet.networks;
export default { networks: { node: { ...node, allowBlocksWithSameTimestamp: true } } };
