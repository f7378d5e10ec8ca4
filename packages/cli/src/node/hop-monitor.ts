import type { HopHealth } from '@tidemark/api';
import { describeError, type Logger, Scope, sleep, TidemarkError, UnavailableError } from '@tidemark/core';

/** Milliseconds between two probes of a peer, and milliseconds after which a probe has failed. */
const PROBE_EVERY_MS = 2_000;
const PROBE_TIMEOUT_MS = 4_000;

/** Asks a peer regularly whether it answers; logs once per change. Only reports: nothing waits for it. */
export class HopMonitor {
  private state: HopHealth;

  constructor(
    private readonly hop: string,
    private readonly probe: (signal: AbortSignal) => Promise<unknown>,
    private readonly logger: Logger,
  ) {
    this.state = { hop, reachable: false, reason: 'Not probed yet.', remedy: null, since: Date.now() };
  }

  get health(): HopHealth {
    return this.state;
  }

  async run(signal: AbortSignal): Promise<void> {
    let first = true;
    while (!signal.aborted) {
      const failure = await this.attempt(signal);
      if (signal.aborted) return;
      this.record(failure, first);
      first = false;
      await sleep(PROBE_EVERY_MS, signal);
    }
  }

  private async attempt(signal: AbortSignal): Promise<unknown> {
    const scope = Scope.within(PROBE_TIMEOUT_MS, signal);
    try {
      await this.probe(scope.signal);
      return null;
    } catch (error) {
      return error ?? new UnavailableError({ message: 'The probe failed.', remedy: 'See the log.' });
    } finally {
      scope.end();
    }
  }

  private record(failure: unknown, first: boolean): void {
    const reachable = failure === null;
    const changed = first || reachable !== this.state.reachable;
    const since = changed ? Date.now() : this.state.since;
    const reason = reachable ? null : describeError(failure);
    const remedy = failure instanceof TidemarkError ? failure.remedy : null;
    this.state = { hop: this.hop, reachable, reason, remedy, since };
    if (!changed) return;
    if (reachable) this.logger.info({ hop: this.hop }, 'reachable');
    else this.logger.warn({ hop: this.hop, reason, remedy }, 'unreachable, will keep trying');
  }
}
