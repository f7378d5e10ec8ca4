import type {
  IAuthenticateRequest,
  IAuthenticateResponse,
  ILeaseGrantRequest,
  ILeaseGrantResponse,
  ILeaseKeepAliveRequest,
  ILeaseKeepAliveResponse,
  ILeaseRevokeRequest,
  ILeaseRevokeResponse,
  IRangeRequest,
  ITxnRequest,
  IWatchRequest,
} from 'etcd3';
import { decodeRangePage, type RangePage } from '../wire/range-page.js';
import {
  decodeRangeResponse,
  decodeTxnOutcome,
  decodeWatchedKeys,
  decodeWatchResponse,
  type RangeResponse,
  type TxnOutcome,
  type WatchResponse,
} from '../wire/responses.js';

export type ServiceName = 'KV' | 'Watch' | 'Lease' | 'Auth';

/** One remote procedure of etcd. Where a codec is missing, etcd3's own is used. */
export interface Method<Request, Response> {
  readonly service: ServiceName;
  readonly name: string;
  readonly encode?: (request: Request) => Buffer;
  readonly decode?: (buffer: Buffer) => Response;
}

function method<Request, Response>(definition: Method<Request, Response>): Method<Request, Response> {
  return definition;
}

export const RANGE = method<IRangeRequest, RangeResponse>({
  service: 'KV',
  name: 'Range',
  decode: decodeRangeResponse,
});

/** The same procedure for many keys. */
export const RANGE_PAGE = method<IRangeRequest, RangePage>({ service: 'KV', name: 'Range', decode: decodeRangePage });

export const TXN = method<ITxnRequest, TxnOutcome>({ service: 'KV', name: 'Txn', decode: decodeTxnOutcome });

/** The same procedure for a request that is encoded already: bulk writes. */
export const ENCODED_TXN = method<Buffer, TxnOutcome>({
  service: 'KV',
  name: 'Txn',
  encode: (request) => request,
  decode: decodeTxnOutcome,
});

export const WATCH = method<IWatchRequest, WatchResponse>({
  service: 'Watch',
  name: 'Watch',
  decode: decodeWatchResponse,
});

/** The same procedure where the values that etcd sends do not matter. */
export const WATCH_KEYS = method<IWatchRequest, WatchResponse>({
  service: 'Watch',
  name: 'Watch',
  decode: decodeWatchedKeys,
});

export const LEASE_GRANT = method<ILeaseGrantRequest, ILeaseGrantResponse>({ service: 'Lease', name: 'LeaseGrant' });

export const LEASE_REVOKE = method<ILeaseRevokeRequest, ILeaseRevokeResponse>({
  service: 'Lease',
  name: 'LeaseRevoke',
});

export const LEASE_KEEP_ALIVE = method<ILeaseKeepAliveRequest, ILeaseKeepAliveResponse>({
  service: 'Lease',
  name: 'LeaseKeepAlive',
});

export const AUTHENTICATE = method<IAuthenticateRequest, IAuthenticateResponse>({
  service: 'Auth',
  name: 'Authenticate',
});
