import type { KeyRange } from '@tidemark/core';
import type { EtcdClient } from '../client/client.js';
import { TXN } from '../client/methods.js';
import { TO_THE_END } from '../watch/watch.js';
import type { RangeResponse } from '../wire/responses.js';

/**
 * A range as it is now, for certain. A plain read may be stale (etcd #20418); a transaction with a write goes through
 * consensus. The write here deletes a key that never exists, which moves no revision. A revision below an earlier one
 * therefore proves that a restore set the store back.
 */
export async function readForCertain(
  client: EtcdClient,
  { start, end }: KeyRange,
  signal: AbortSignal,
): Promise<Pick<RangeResponse, 'kvs' | 'header'>> {
  const absent = Buffer.concat([start, Buffer.of(0)]);
  const read = { request_range: { key: start, range_end: end ?? TO_THE_END } };
  const request = { success: [read, { request_delete_range: { key: absent } }] };
  const { header, ranges } = await client.call(TXN, request, { kind: 'write', repeatable: true, signal });
  return { header, kvs: ranges[0]?.kvs ?? [] };
}
