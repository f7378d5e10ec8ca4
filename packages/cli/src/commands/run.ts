import { createLogger, type LogLevel } from '@tidemark/core';
import { runDaemon } from '../daemon/daemon.js';
import { boundHeapGrowth } from '../daemon/heap.js';
import type { CommandContext } from './context.js';

export interface RunOptions {
  readonly logLevel: LogLevel;
}

/** Runs until SIGTERM or SIGINT; SIGHUP re-reads the destinations. */
export async function runCommand(context: CommandContext, options: RunOptions): Promise<number> {
  boundHeapGrowth();
  const { config, configFile } = context;
  const logger = createLogger(options.logLevel);
  const stop = new AbortController();
  const reload = { requested: (): void => undefined };
  const end = (signal: NodeJS.Signals) => {
    logger.info({ signal }, 'stopping');
    stop.abort();
  };
  process.on('SIGTERM', end).on('SIGINT', end);
  process.on('SIGHUP', () => reload.requested());
  await runDaemon(
    {
      config,
      configFile,
      logger,
      onReload: (handler) => {
        reload.requested = handler;
      },
    },
    stop.signal,
  );
  return 0;
}
