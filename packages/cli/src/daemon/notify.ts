import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describeError, type Logger } from '@tidemark/core';

/**
 * Reports the state of the service to systemd (Type=notify). Node cannot write to a datagram socket of the Unix domain, so
 * systemd's own tool does it; without NOTIFY_SOCKET (not started by systemd) nothing happens.
 */
export async function notifySystemd(state: 'READY=1' | 'STOPPING=1', logger: Logger): Promise<void> {
  if (process.env['NOTIFY_SOCKET'] === undefined) return;
  try {
    await promisify(execFile)('systemd-notify', [`--pid=${process.pid}`, state], { timeout: 5_000 });
  } catch (error) {
    logger.warn({ reason: describeError(error) }, 'systemd could not be notified: is systemd-notify installed?');
  }
}
