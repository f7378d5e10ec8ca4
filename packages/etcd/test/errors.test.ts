import { status } from '@grpc/grpc-js';
import {
  AccessDeniedError,
  AmbiguousWriteError,
  DestinationFullError,
  InvariantError,
  RequestTooLargeError,
  SourceCompactedError,
  SourceRewoundError,
  UnavailableError,
} from '@tidemark/core';
import { describe, expect, it } from 'vitest';
import {
  AuthNotEnabledError,
  castError,
  InvalidTokenError,
  LeaseNotFoundError,
  NoTokenError,
  TooManyOperationsError,
} from '../src/client/errors.js';

const endpoint = 'http://etcd:2379';

function grpcError(code: status, details: string): Error {
  return Object.assign(new Error(`${code} ${status[code]}: ${details}`), { code, details });
}

describe('errors at the border', () => {
  it.each([
    [status.OUT_OF_RANGE, 'etcdserver: mvcc: required revision has been compacted', SourceCompactedError],
    [status.OUT_OF_RANGE, 'etcdserver: mvcc: required revision is a future revision', SourceRewoundError],
    [status.RESOURCE_EXHAUSTED, 'etcdserver: mvcc: database space exceeded', DestinationFullError],
    [status.RESOURCE_EXHAUSTED, 'etcdserver: too many requests', UnavailableError],
    [status.RESOURCE_EXHAUSTED, 'grpc: received message larger than max (5 vs 4)', RequestTooLargeError],
    [status.INVALID_ARGUMENT, 'etcdserver: request is too large', RequestTooLargeError],
    [status.INVALID_ARGUMENT, 'etcdserver: too many operations in txn request', TooManyOperationsError],
    [status.INVALID_ARGUMENT, 'etcdserver: duplicate key given in txn request', InvariantError],
    [status.NOT_FOUND, 'etcdserver: requested lease not found', LeaseNotFoundError],
    [status.UNAUTHENTICATED, 'etcdserver: invalid auth token', InvalidTokenError],
    [status.INVALID_ARGUMENT, 'etcdserver: revision of auth store is old', InvalidTokenError],
    [status.INVALID_ARGUMENT, 'etcdserver: user name is empty', NoTokenError],
    [status.PERMISSION_DENIED, 'etcdserver: permission denied', AccessDeniedError],
    [status.INVALID_ARGUMENT, 'etcdserver: authentication failed, invalid user ID or password', AccessDeniedError],
    [status.FAILED_PRECONDITION, 'etcdserver: authentication is not enabled', AuthNotEnabledError],
    [status.INTERNAL, 'Response message parsing error: etcd sent a number', InvariantError],
  ])('%s %s', (code, details, type) => {
    for (const kind of ['read', 'write'] as const) {
      const cast = castError(grpcError(code, details), { endpoint, kind });
      expect(cast.constructor).toBe(type);
      expect(cast.message).toContain(details);
    }
  });

  it.each([
    [status.UNAVAILABLE, 'etcdserver: request timed out, possibly due to previous leader failure'],
    [status.UNAVAILABLE, 'Connection dropped'],
    [status.DEADLINE_EXCEEDED, 'Deadline exceeded'],
    [status.CANCELLED, 'Cancelled on client'],
    [status.UNKNOWN, 'etcdserver: server stopped'],
    [status.RESOURCE_EXHAUSTED, 'Bandwidth exhausted or memory limit exceeded'],
    [status.PERMISSION_DENIED, 'Protocol not secure enough'],
  ])('%s "%s" leaves a write uncertain, and a read undone', (code, details) => {
    const write = castError(grpcError(code, details), { endpoint, kind: 'write' });
    expect(write.constructor).toBe(AmbiguousWriteError);
    const read = castError(grpcError(code, details), { endpoint, kind: 'read' });
    expect(read.constructor).toBe(UnavailableError);
  });

  it('knows that a write without a connection was never sent', () => {
    const error = grpcError(status.UNAVAILABLE, 'No connection established. Last error: connect ECONNREFUSED');
    expect(castError(error, { endpoint, kind: 'write' }).constructor).toBe(UnavailableError);
  });

  it.each(['sslv3 alert bad certificate', 'tlsv1 alert unknown ca'])(
    'reports what OpenSSL says in the same words each time: %s',
    (words) => {
      const openssl = (id: string, time: string) =>
        `${id}:error:0A000412:SSL routines:ssl3_read_bytes:${words}:../deps/openssl/ssl/record/rec_layer_s3.c:1601:SSL alert number 42\n (${time}). Resolution note: `;
      const messages = [
        openssl('807CE1F5637F0000', '2026-11-23T19:24:37.150Z'),
        openssl('804CE924087F0000', '2026-11-23T19:30:53.963Z'),
      ].map((text) => {
        const error = grpcError(status.UNAVAILABLE, `No connection established. Last error: ${text}`);
        const cast = castError(error, { endpoint, kind: 'write' });
        expect(cast.remedy).toContain('tls.ca');
        return cast.message;
      });
      const message = `etcd at ${endpoint}: No connection established. Last error: TLS: ${words}.`;
      expect(messages).toEqual([message, message]);
    },
  );

  it('sends the operator to the certificates when TLS failed', () => {
    const error = grpcError(status.UNAVAILABLE, 'No connection established. Last error: certificate has expired');
    const cast = castError(error, { endpoint, kind: 'read' });
    expect(cast).toBeInstanceOf(UnavailableError);
    expect(cast.remedy).toContain('tls.ca');
  });

  it("reads the code out of the text of etcd3's own classes", () => {
    class GRPCDeadlineExceededError extends Error {}
    const error = new GRPCDeadlineExceededError('4 DEADLINE_EXCEEDED: Deadline exceeded');
    expect(castError(error, { endpoint, kind: 'write' }).constructor).toBe(AmbiguousWriteError);
  });

  it('leaves our own errors as they are', () => {
    const error = new InvariantError('x');
    expect(castError(error, { endpoint, kind: 'read' })).toBe(error);
  });
});
