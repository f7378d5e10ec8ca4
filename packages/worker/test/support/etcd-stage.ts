import type { AuthConfig } from '@tidemark/core';
import { EtcdDestination } from '@tidemark/destinations';
import { EtcdClient, EtcdKv } from '@tidemark/etcd';
import type { EtcdServer } from '@tidemark/testing';
import { Chronicle } from './chronicle.js';
import { WorkerNode } from './worker-node.js';

export const CHECKPOINT_KEY = '/__tidemark/test/d/checkpoint';
export const ORIGIN_KEY = '/__tidemark/test/d/origin';

/** How a destination is reached, where that is not by the server's own address and without a user. */
export interface Hop {
  readonly endpoints?: readonly string[];
  readonly auth?: AuthConfig;
}

export function openEtcd(etcd: Pick<EtcdServer, 'url'>, { endpoints = [etcd.url], auth }: Hop = {}): EtcdDestination {
  const kv = new EtcdKv(new EtcdClient({ endpoints, auth }));
  return new EtcdDestination(kv, { checkpointKey: Buffer.from(CHECKPOINT_KEY), originKey: Buffer.from(ORIGIN_KEY) });
}

/** A worker that brings `/a/` of a source in memory to `/b/` of a real etcd, over a journal in memory. */
export class EtcdStage implements AsyncDisposable {
  private constructor(
    readonly etcd: EtcdServer,
    readonly chronicle: Chronicle,
    readonly destination: EtcdDestination,
    readonly worker: WorkerNode,
  ) {}

  static async start(etcd: EtcdServer, hop: Hop = {}): Promise<EtcdStage> {
    const chronicle = new Chronicle();
    await chronicle.reset();
    const destination = openEtcd(etcd, hop);
    return new EtcdStage(etcd, chronicle, destination, new WorkerNode(chronicle, destination));
  }

  /** Puts keys at the source, one after the other, journals them, and returns the last revision. */
  async write(pairs: Readonly<Record<string, string>>): Promise<number> {
    let revision = 0;
    for (const [key, value] of Object.entries(pairs)) revision = this.chronicle.source.put(key, value);
    await this.chronicle.catchUp();
    return revision;
  }

  /** Puts one more key and waits until it is at the destination. */
  async passes(key: string, timeoutMs?: number): Promise<void> {
    await this.worker.reaches(await this.write({ [key]: 'x' }), 1, timeoutMs);
  }

  /** How often each of the destination's keys was put. */
  async versions(): Promise<Record<string, number>> {
    const output = await this.etcd.etcdctl(['get', '/b/', '--prefix', '-w', 'json']);
    const { kvs = [] } = JSON.parse(output.toString()) as { kvs?: { key: string; version: number }[] };
    return Object.fromEntries(kvs.map(({ key, version }) => [Buffer.from(key, 'base64').toString(), version]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.worker.stop();
    await this.destination.close();
  }
}
