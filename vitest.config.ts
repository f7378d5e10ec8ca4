import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { TIERS, type Tier } from './scripts/lib/tiers.mjs';

/**
 * Workspace packages are tested as they stand in src/, without a build in between. vitest gives these to Node as well
 * (--conditions), so never `import` among them: require('long') would load an ES module that protobufjs cannot use,
 * and every 64-bit lease id would be rounded to a double, silently. Each loader adds its own anyway.
 */
const conditions = ['tidemark-source', 'node'];

const HOOK_SECONDS = 60;

function project(tier: Tier) {
  const workers = tier.servers ? { maxWorkers: Math.max(1, Math.floor(availableParallelism() / 2)) } : {};
  return {
    resolve: { conditions },
    ssr: { resolve: { conditions, externalConditions: conditions } },
    test: {
      name: tier.name,
      include: [...tier.include],
      exclude: ['**/node_modules/**', '**/dist/**', ...tier.exclude],
      environment: 'node',
      testTimeout: tier.seconds * 1_000,
      hookTimeout: Math.max(tier.seconds, HOOK_SECONDS) * 1_000,
      // testcontainers' cleaner is an image from a registry; packages/testing removes its containers itself.
      env: { TESTCONTAINERS_RYUK_DISABLED: process.env['TESTCONTAINERS_RYUK_DISABLED'] ?? 'true' },
      ...workers,
    },
  };
}

export default defineConfig({ test: { projects: TIERS.map(project) } });
