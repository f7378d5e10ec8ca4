// `npm start [-- --once]`: sets up and runs the demo.
import { main, runProgram } from './lib/run.mjs';
import { setup } from './lib/setup.mjs';

await main(async () => {
  await setup();
  return runProgram('test/demo/main.ts', process.argv.slice(2));
});
