import { decodeOrigin, encodeOrigin, type Origin, type OriginKeeper } from '@tidemark/core';
import type { EtcdKv } from '@tidemark/etcd';

/** The origin of an etcd destination: a key of its own, beside the checkpoint. */
export class EtcdOriginKeeper implements OriginKeeper {
  constructor(
    private readonly kv: Pick<EtcdKv, 'clusterId' | 'get' | 'put'>,
    private readonly key: Buffer,
  ) {}

  clusterId(signal: AbortSignal): Promise<string> {
    return this.kv.clusterId(signal);
  }

  async read(signal: AbortSignal): Promise<Origin | null> {
    const { kv } = await this.kv.get(this.key, signal);
    return kv === null ? null : decodeOrigin(kv.value);
  }

  async write(origin: Origin | null, signal: AbortSignal): Promise<void> {
    await this.kv.put(this.key, origin === null ? null : encodeOrigin(origin), signal);
  }
}
