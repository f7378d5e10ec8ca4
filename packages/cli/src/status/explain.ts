import type { PlacedDestination as Destination, Explanation, PipelineStatus } from '@tidemark/api';

/** Says in sentences what `status` says in words. Pure. */
export function explain(status: PipelineStatus, destination: Destination): Explanation {
  const { name, state, since, reason } = destination;
  const told = about(status, destination);
  return { destination: name, state, since, why: reason, ...told };
}

type Told = Pick<Explanation, 'what' | 'safe' | 'next'>;

function about(status: PipelineStatus, destination: Destination): Told {
  const { name, state, hold } = destination;
  switch (state) {
    case 'starting':
      return starting(destination);
    case 'bootstrapping':
      return {
        what: `${name} is brought to a snapshot: what differs is put, what is gone is deleted. It never becomes empty.`,
        safe: 'Wait; stopping Tidemark is safe, it goes on where it was.',
        // Snapshots are the leader's.
        next:
          status.leader === null
            ? 'tidemark status   # no node leads: nobody takes a snapshot, should it need one'
            : null,
      };
    case 'streaming':
      return streaming(status, destination);
    case 'held':
      return {
        what: `${name} is held by the brake ${hold?.brake ?? 'that its owner tells of'}: nothing is written to it.`,
        safe: `Its data stays as it is, the other destinations go on, its changes wait in the journal${room(destination)}.`,
        next:
          hold?.brake === 'filter'
            ? `tidemark resync ${name} --plan   # shows the keys; then: tidemark approve ${name}`
            : `tidemark approve ${name}   # only if this was meant; otherwise correct the source first`,
      };
    case 'paused':
      return {
        what: `${name} is paused${ordered(destination)}: nothing is written to it.${destination.owner === null ? ' No node works for it, which changes nothing as long as it is paused.' : ''}`,
        safe: `Its data stays as it is, its changes wait in the journal${room(destination)}.`,
        next: `tidemark resume ${name}`,
      };
    case 'backing_off':
      if (destination.pause !== null) return pausing(destination);
      return {
        what: `${name} does not go on at the moment; it is tried again, at least every 10 s.`,
        safe: `Its changes wait in the journal${room(destination)}; the other destinations are not affected.`,
        next: 'Look at what the reason names: that cluster most often, or the journal; Tidemark goes on by itself.',
      };
    case 'failed':
      return {
        what: `${name} cannot be written to, or must not be, until somebody acts.`,
        safe: `Nothing is skipped: all later changes wait in the journal${room(destination)}. The other destinations are not affected.`,
        next: 'Do what the reason says; Tidemark notices within 10 s.',
      };
    default:
      return state satisfies never;
  }
}

function starting(destination: Destination): Told {
  const { name, owner, pause } = destination;
  if (owner !== null) {
    return {
      what: `${name} is being taken over.`,
      safe: 'Nothing is written meanwhile, and nothing is lost.',
      next: null,
    };
  }
  return {
    what: `No node works for ${name}${pause === null ? '' : `, which is to be paused${ordered(destination)}`}.`,
    safe:
      pause === null
        ? 'Nothing is written meanwhile, and nothing is lost.'
        : 'Nothing new is written, and nothing is lost. Do not take its content for settled: what its last owner sent last may still be carried out, until a node works for it and makes that impossible.',
    next: 'tidemark status   # are nodes up, with the role worker, and does the coordination etcd answer?',
  };
}

/** The pause is ordered, and what was sent before has not been answered. */
function pausing(destination: Destination): Told {
  const { name } = destination;
  return {
    what: `${name} is being paused${ordered(destination)}: nothing new is sent, but the outcome of the last transaction is not known yet.`,
    safe: `Do not take its content for settled: that transaction may still be carried out. It is whole and moves the position along, so nothing breaks; its changes wait in the journal${room(destination)}.`,
    next: 'Let the destination answer (the reason says what is wrong); it then becomes `paused` by itself, within 10 s.',
  };
}

function ordered({ pause }: Destination): string {
  return pause === null ? '' : `, by ${pause.by} since ${pause.at}`;
}

function streaming(status: PipelineStatus, destination: Destination): Told {
  const { name, revision, lagRevisions, lagSeconds, foreignWrites, verified } = destination;
  const distance =
    lagRevisions === 0
      ? 'has everything that is journaled'
      : `is ${lagRevisions} revisions and ${lagSeconds.toFixed(1)} s behind the journal`;
  const strangers =
    foreignWrites.count === 0
      ? ''
      : ` Somebody else has written to its keys ${foreignWrites.count} times, last at ${foreignWrites.last}: ${foreignWrites.keys.join(', ')}.`;
  const drifted =
    verified !== null && verified.drift > 0
      ? ` The comparison at ${verified.at} found ${verified.drift} keys that differ.`
      : '';
  const leaderless = status.leader === null ? ' No node leads: what happens at the source is not journaled now.' : '';
  return {
    what: `${name} follows the source, stands at revision ${revision} and ${distance}.${strangers}${drifted}${leaderless}`,
    safe: 'Everything is: restarts, upgrades, step-down.',
    next:
      strangers !== '' || drifted !== ''
        ? `tidemark verify ${name}   # and with --repair, when the source is right`
        : leaderless !== ''
          ? 'tidemark status   # are nodes up, and does the coordination etcd have a quorum?'
          : null,
  };
}

/** How long the journal keeps what the destination needs next. */
function room({ headroomSeconds }: Destination): string {
  if (headroomSeconds === null) return '';
  const hours = headroomSeconds / 3600;
  return hours >= 48
    ? ` for ${Math.floor(hours / 24)} days more`
    : hours >= 2
      ? ` for ${Math.floor(hours)} hours more`
      : ` for ${Math.floor(headroomSeconds / 60)} minutes more`;
}
