// `npm run check`: everything that can be said about the code without running it. One line per check; what a failed one
// printed follows it.
import { tool } from './lib/checkout.mjs';
import { lintConfigIsCurrent } from './lib/lint-config.mjs';
import { main, run } from './lib/run.mjs';
import { setupPackages } from './lib/setup.mjs';

const LIMIT_MS = 10 * 60_000;
// With CI or FORCE_COLOR set, whatever their values, oxlint paints what it prints.
const { CI: _ci, FORCE_COLOR: _force, ...PLAIN } = { ...process.env, NO_COLOR: '1' };

const CHECKS = [
  { name: 'format and lint', command: 'biome', args: ['check', '--error-on-warnings', '.'] },
  // Before the type-aware rules: they resolve other packages through the declarations that this writes.
  { name: 'types', command: 'tsc', args: ['-b'] },
  { name: 'types of tests', command: 'tsc', args: ['-p', 'tsconfig.test.json'] },
  { name: 'promises and borders', command: 'oxlint', args: ['--type-aware', '--deny-warnings'] },
  { name: 'dead code', command: 'knip', args: [] },
];

await main(async () => {
  await setupPackages();
  let failed = 0;
  if (!lintConfigIsCurrent()) {
    failed += 1;
    console.log('FAIL lint configuration   .oxlintrc.json is not what scripts/lib/borders.mjs says: npm run format');
  }
  for (const check of CHECKS) {
    const started = performance.now();
    const { code, output } = await run(tool(check.command), check.args, { env: PLAIN, limitMs: LIMIT_MS });
    const seconds = ((performance.now() - started) / 1_000).toFixed(1);
    console.log(`${code === 0 ? 'ok  ' : 'FAIL'} ${check.name.padEnd(22)} ${seconds.padStart(6)} s`);
    if (code === 0) continue;
    failed += 1;
    console.log(output.trimEnd());
  }
  return failed === 0 ? 0 : 1;
});
