import { onPath } from './find-binary.mjs';

/**
 * The command line that runs `command` so that the kernel ends it when this process dies, even by kill -9: then no exit
 * handler runs. Needs util-linux' setpriv, which every Debian has; without it the command runs as it is.
 */
export function tied(command, args, signal) {
  const setpriv = process.platform === 'linux' ? onPath('setpriv') : undefined;
  if (setpriv === undefined) return { command, args };
  return { command: setpriv, args: ['--pdeathsig', signal, '--', command, ...args] };
}
