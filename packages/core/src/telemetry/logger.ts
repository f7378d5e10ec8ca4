import { type DestinationStream, type Logger as PinoLogger, pino, stdTimeFunctions } from 'pino';
import { TidemarkError } from '../model/errors.js';

/** Structured log. Never give it keys' values, passwords, tokens or whole requests. */
export type Logger = Pick<PinoLogger, 'debug' | 'info' | 'warn' | 'error'> & {
  child(bindings: Record<string, unknown>): Logger;
};

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** JSON lines on the given stream (standard error by default): standard output belongs to results. */
export function createLogger(
  level: LogLevel,
  stream: DestinationStream = pino.destination({ dest: 2, sync: true }),
): Logger {
  return pino(
    {
      level,
      base: null,
      formatters: { level: (label) => ({ level: label }) },
      timestamp: stdTimeFunctions.isoTime,
      serializers: { err: serializeError },
    },
    stream,
  );
}

/** Discards everything. */
export const silentLogger: Logger = pino({ level: 'silent' });

function serializeError(error: unknown): Record<string, unknown> {
  if (error instanceof TidemarkError) {
    const cause = error.cause instanceof Error ? error.cause.message : undefined;
    return { code: error.code, message: error.message, remedy: error.remedy, cause };
  }
  if (error instanceof Error) return { message: error.message, stack: error.stack };
  return { message: String(error) };
}
