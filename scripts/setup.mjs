// Prepares a fresh checkout: workspace packages, build, and the servers that the demo and the tests run.
import { main } from './lib/run.mjs';
import { setup } from './lib/setup.mjs';

await main(setup);
