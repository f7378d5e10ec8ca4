import type { Logger } from '@tidemark/core';
import { type Journal, type JournalConfig, type JournalInfo, type Metrics, sleep } from '@tidemark/core';
import type { JournalView } from './destination-status.js';
import type { Retention } from './headroom.js';
import { HopMonitor } from './hop-monitor.js';
import type { JournalEnd } from './progress.js';

/** Milliseconds between two looks at the journal's end; lag in status and metrics is at most this old. */
const LOOK_EVERY_MS = 500;

/** Follows the journal's end for status and metrics, on every node, whoever leads. */
export class JournalWatch implements JournalView {
  private readonly monitor: HopMonitor;
  private info_: JournalInfo | null = null;

  constructor(
    private readonly journal: Journal,
    private readonly limits: Pick<JournalConfig, 'maxAge' | 'maxBytes'>,
    private readonly metrics: Metrics,
    logger: Logger,
  ) {
    this.monitor = new HopMonitor('journal', (signal) => this.look(signal), logger);
  }

  get health() {
    return this.monitor.health;
  }

  /** As last seen; null before the first answer. */
  get info(): JournalInfo | null {
    return this.info_;
  }

  get end(): JournalEnd | null {
    return this.info_?.last ?? null;
  }

  get retention(): Retention | null {
    const { info } = this;
    if (info?.first == null) return null;
    const { maxAge, maxBytes } = this.limits;
    return { now: Date.now(), maxAgeMs: maxAge, maxBytes, bytes: info.bytes, oldestTime: info.first.time };
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.monitor.run(signal), this.refresh(signal)]);
  }

  private async refresh(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(LOOK_EVERY_MS, signal);
      if (this.monitor.health.reachable) await this.look(signal).catch(() => undefined);
    }
  }

  private async look(signal: AbortSignal): Promise<void> {
    await this.journal.open(signal);
    const info = await this.journal.info(signal);
    this.info_ = info;
    this.metrics.journalBytes.set(info.bytes);
    if (info.last !== null) {
      this.metrics.journalRevision.set(info.last.position.revision);
      this.metrics.term.set(info.last.term);
    }
  }
}
