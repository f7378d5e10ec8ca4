import { build } from './build.mjs';
import { ensureServers } from './fetch-servers.mjs';
import { install } from './install.mjs';
import { StepError } from './run.mjs';

const NODE_FLOOR = [20, 19];

/** Everything a fresh machine needs before the project runs. Each step does nothing when its result is already there. */
export async function setup() {
  await setupPackages();
  await build();
  await ensureServers();
}

/** Only what static checks need. */
export async function setupPackages() {
  checkNode();
  await install();
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [floorMajor, floorMinor] = NODE_FLOOR;
  if (major > floorMajor || (major === floorMajor && minor >= floorMinor)) return;
  throw new StepError(
    `Node.js ${process.versions.node} is too old`,
    `Tidemark needs Node.js ${NODE_FLOOR.join('.')} or newer.`,
  );
}
