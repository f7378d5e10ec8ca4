// `npm run format`: rewrites files as the formatter wants them, and the lint configuration as scripts/lib/borders.mjs says.
import { tool } from './lib/checkout.mjs';
import { writeLintConfig } from './lib/lint-config.mjs';
import { main, run } from './lib/run.mjs';

await main(async () => {
  writeLintConfig();
  return (await run(tool('biome'), ['check', '--write', '.'], { show: true })).code;
});
