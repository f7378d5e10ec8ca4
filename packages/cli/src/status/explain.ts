import type { PlacedDestination as Destination, Explanation, PipelineStatus } from '@tidemark/api';

/** Says in sentences what `status` says in words. Pure. */
export function explain(status: PipelineStatus, destination: Destination): Explanation {
  const { name, state, since, reason } = destination;
  return { destination: name, state, since, why: reason, ...adviceOn(status, destination) };
}

type Advice = Pick<Explanation, 'what' | 'safe' | 'next'>;

const OTHERS_UNAFFECTED = 'The other destinations are not affected.';

function adviceOn(status: PipelineStatus, destination: Destination): Advice {
  const { name, state } = destination;
  switch (state) {
    case 'starting':
      return starting(destination);
    case 'bootstrapping':
      return {
        what: `${name} is being resynced from a snapshot: keys that differ are written, keys that the source does not have are deleted. Nothing is cleared first.`,
        safe: 'Wait. A restart of Tidemark is safe: the resync continues.',
        next:
          status.leader === null
            ? 'tidemark status   # no node leads: if a new snapshot is needed, nobody takes it'
            : null,
      };
    case 'streaming':
      return streaming(status, destination);
    case 'held':
      return held(destination);
    case 'paused':
      return {
        what: `${name} is paused${ordered(destination)}: nothing is written to it.${destination.owner === null ? ' No node works for it; that does not matter while it is paused.' : ''}`,
        safe: `Its data does not change. ${waiting(destination)}`,
        next: `tidemark resume ${name}`,
      };
    case 'backing_off':
      if (destination.pause !== null) return pausing(destination);
      return {
        what: `The last attempt for ${name} failed. Tidemark tries again, at least every 10 s.`,
        safe: `${waiting(destination)} ${OTHERS_UNAFFECTED}`,
        next: 'Look at what the reason names: most often that cluster, sometimes the journal. Tidemark recovers by itself.',
      };
    case 'failed':
      return {
        what: `Nothing is written to ${name} until somebody acts.`,
        safe: `No change is skipped. ${waiting(destination)} ${OTHERS_UNAFFECTED}`,
        next: 'Do what the reason says. Tidemark tries again within 10 s.',
      };
    default:
      return state satisfies never;
  }
}

function starting(destination: Destination): Advice {
  const { name, owner, pause } = destination;
  if (owner !== null) {
    return {
      what: `A node is taking over ${name}.`,
      safe: 'Nothing is written until then, and nothing is lost.',
      next: null,
    };
  }
  return {
    what: `No node works for ${name}.${pause === null ? '' : ` It is to be paused${ordered(destination)}.`}`,
    safe:
      pause === null
        ? 'Nothing is written until a node works for it, and nothing is lost.'
        : 'Nothing new is written, and nothing is lost. But its content can still change: the last transaction of its last owner may still be carried out. The next node that works for it makes that impossible.',
    next: 'tidemark status   # are nodes with the role worker up? does the coordination etcd answer?',
  };
}

function held(destination: Destination): Advice {
  const { name, hold } = destination;
  return {
    what: `${name} is held${hold === null ? '' : ` by the brake ${hold.brake}`}: nothing is written to it.`,
    safe: `Its data does not change. ${waiting(destination)} ${OTHERS_UNAFFECTED}`,
    next:
      hold?.brake === 'filter'
        ? `tidemark resync ${name} --plan   # shows the keys; if they are right: ${approval(name, hold)}`
        : `${approval(name, hold)}   # only if the change is intended; otherwise correct the source first`,
  };
}

/** The pause is ordered, and the last transaction before it is in doubt. */
function pausing(destination: Destination): Advice {
  const { name } = destination;
  return {
    what: `${name} is being paused${ordered(destination)}: nothing new is sent, but the outcome of the last transaction is not known yet.`,
    safe: `Its content can still change: that transaction may still be carried out. It is complete and moves the position, so nothing breaks. ${waiting(destination)}`,
    next: 'Wait until the destination answers (the reason says what is wrong). It then becomes `paused` by itself, within 10 s.',
  };
}

function ordered({ pause }: Destination): string {
  return pause === null ? '' : `, by ${pause.by} since ${pause.at}`;
}

function streaming(status: PipelineStatus, destination: Destination): Advice {
  const { name, revision, lagRevisions, lagSeconds, foreignWrites, verified } = destination;
  const distance =
    lagRevisions === 0
      ? 'and has everything that is in the journal'
      : `${lagRevisions} revisions and ${lagSeconds.toFixed(1)} s behind the journal`;
  const strangers =
    foreignWrites.count === 0
      ? ''
      : ` Somebody else has written to its keys ${foreignWrites.count} times, last at ${foreignWrites.last}: ${foreignWrites.keys.join(', ')}.`;
  const drifted =
    verified !== null && verified.drift > 0
      ? ` The comparison at ${verified.at} found ${verified.drift} keys that differ.`
      : '';
  const leaderless = status.leader === null ? ' No node leads: new changes at the source are not journaled.' : '';
  return {
    what: `${name} follows the source. It is at revision ${revision}, ${distance}.${strangers}${drifted}${leaderless}`,
    safe: 'Restarts, upgrades and step-down are safe.',
    next:
      strangers !== '' || drifted !== ''
        ? `tidemark verify ${name}   # then with --repair, if the source is right`
        : leaderless !== ''
          ? 'tidemark status   # are nodes up? does the coordination etcd have a quorum?'
          : null,
  };
}

/** Where the changes are that are not applied, and how long the journal keeps what the destination needs next. */
function waiting({ headroomSeconds }: Destination): string {
  const keeps = headroomSeconds === null ? '' : `, which keeps them for ${duration(headroomSeconds)} more`;
  return `Its changes wait in the journal${keeps}.`;
}

function duration(seconds: number): string {
  const hours = seconds / 3600;
  return hours >= 48
    ? `${Math.floor(hours / 24)} days`
    : hours >= 2
      ? `${Math.floor(hours)} hours`
      : `${Math.floor(seconds / 60)} minutes`;
}

/** The whole command: it names exactly this evidence. */
function approval(name: string, hold: { readonly id: string } | null): string {
  return `tidemark approve ${name}${hold === null ? '' : ` --hold ${hold.id}`}`;
}
