import {
  decodeOrigin,
  encodeOrigin,
  FencedError,
  type Origin,
  type OriginKeeper,
  type OriginReading,
} from '@tidemark/core';
import type { EtcdKv } from '@tidemark/etcd';
import { decodeCheckpoint } from '../checkpoint/codec.js';

/** The origin of an etcd destination: a key of its own, beside the checkpoint. */
export class EtcdOriginKeeper implements OriginKeeper {
  constructor(
    private readonly kv: Pick<EtcdKv, 'clusterId' | 'get' | 'putAfter'>,
    private readonly keys: { readonly checkpointKey: Buffer; readonly originKey: Buffer },
  ) {}

  clusterId(signal: AbortSignal): Promise<string> {
    return this.kv.clusterId(signal);
  }

  async read(signal: AbortSignal): Promise<OriginReading> {
    const { kv: checkpoint } = await this.kv.get(this.keys.checkpointKey, signal);
    const { kv: origin } = await this.kv.get(this.keys.originKey, signal);
    return {
      origin: origin && decodeOrigin(origin.value),
      checkpoint: checkpoint && decodeCheckpoint(checkpoint.value),
      written: { origin: origin?.modRevision ?? 0, checkpoint: checkpoint?.modRevision ?? 0 },
    };
  }

  async write(origin: Origin | null, { written }: OriginReading, signal: AbortSignal): Promise<void> {
    const { checkpointKey, originKey } = this.keys;
    const value = origin && encodeOrigin(origin);
    const unchanged = [
      { key: originKey, modRevision: written.origin },
      { key: checkpointKey, modRevision: written.checkpoint },
    ];
    if (await this.kv.putAfter({ key: originKey, value, unchanged }, signal)) return;
    // Sent again after silence it finds what the first one wrote.
    const { kv } = await this.kv.get(originKey, signal);
    if (value === null ? kv === null : kv?.value.equals(value)) return;
    throw new FencedError({
      message: 'The origin of the destination, or its checkpoint, was written by somebody else meanwhile.',
      remedy: 'None needed: both are read again.',
    });
  }
}
