import { someAnchor } from '@tidemark/testing';
import { type Frame, frameRecord } from '../src/format/frame.js';

/** The first of three parts of a batch that moves the journal from 1/11 to 1/12, and that nobody finishes. */
export function abandonedFrame(): Frame {
  const put = { kind: 'put', key: Buffer.from('k'), createRevision: 12, version: 1, lease: 0n } as const;
  const changes = [{ ...put, value: Buffer.alloc(250) }];
  const base = {
    kind: 'batch',
    notBefore: null,
    generation: 1,
    term: 1,
    previous: 11,
    revision: 12,
    time: 1,
    anchor: someAnchor,
  } as const;
  const frames = frameRecord({ ...base, entries: [{ revision: 12, changes }] }, 100);
  const [first] = frames;
  if (first === undefined || frames.length !== 3) throw new Error(`expected three parts, not ${frames.length}`);
  return first;
}
