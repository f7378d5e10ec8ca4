import { AmbiguousWriteError, UnavailableError } from '@tidemark/core';
import { expect, it } from 'vitest';
import { castConnectError, castError } from '../src/redis/errors.js';

const address = 'redis:6379';

it.each(['ECONNRESET', 'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC', 'CERT_HAS_EXPIRED', ''])(
  'a write that was sent may have been carried out, whatever ended its connection: "%s"',
  (code) => {
    const error = Object.assign(new Error('the connection ended'), { code });
    expect(castError(error, { address, kind: 'write' }).constructor).toBe(AmbiguousWriteError);
    expect(castError(error, { address, kind: 'read' }).constructor).toBe(UnavailableError);
    expect(castConnectError(error, address).constructor).toBe(UnavailableError);
  },
);
