// `npm run bench`: sets up and runs the benchmarks.
import { main, runProgram } from './lib/run.mjs';
import { setup } from './lib/setup.mjs';

await main(async () => {
  await setup();
  return runProgram('test/bench/main.ts', process.argv.slice(2));
});
