/** The command line that runs `command` so that the kernel ends it when this process dies, even by kill -9. */
export function tied(
  command: string,
  args: readonly string[],
  signal: 'KILL' | 'TERM',
): { command: string; args: readonly string[] };
