import type { Elector, Leadership, Logger } from '@tidemark/core';
import { UsageError } from '../base/errors.js';

/**
 * The fault switch, for tests only: what `TIDEMARK_FAULT` may be. `believe-in-leadership` makes every election of this
 * node a belief that nothing takes away: neither a lost lease, nor a deleted key, nor another node that leads. It is how
 * the tests show that leases are only a hint, and that the fence is at the write.
 */
const FAULTS = ['believe-in-leadership'] as const;
type Fault = (typeof FAULTS)[number];

/** The only place that reads the switch. @throws UsageError when it names no fault */
export function faultyElectors(logger: Logger): (elector: Elector) => Elector {
  const fault = faultOf(process.env['TIDEMARK_FAULT']);
  if (fault === null) return (elector) => elector;
  logger.error({ fault }, 'TIDEMARK_FAULT is set: this node misbehaves on purpose; use it in tests only');
  return (elector) => new BelievingElector(elector);
}

function faultOf(value: string | undefined): Fault | null {
  if (value === undefined || value === '') return null;
  const fault = FAULTS.find((name) => name === value);
  if (fault !== undefined) return fault;
  throw new UsageError({
    message: `TIDEMARK_FAULT is "${value}": there is no such fault.`,
    remedy: `Unset it. It is for tests only. Possible values: ${FAULTS.join(', ')}.`,
  });
}

/** Once elected, it leads until it is asked to stop, whatever the coordination etcd says. */
class BelievingElector implements Elector {
  constructor(private readonly elector: Elector) {}

  async lead(work: (leadership: Leadership) => Promise<void>, signal: AbortSignal): Promise<void> {
    const believed = ({ token }: Leadership): Leadership => ({
      token,
      signal,
      assertHeld: () => undefined,
      prove: async () => undefined,
    });
    await this.elector.lead((leadership) => work(believed(leadership)), signal);
  }
}
