import { nkeys } from 'nats';

/** What a nats-server in operator mode has to be given, and the credentials of one user of its one account. */
export interface OperatorMode {
  readonly configuration: readonly string[];
  /** Content of a `.creds` file. */
  readonly credentials: string;
  /** Of a user whom the account has revoked. */
  readonly revoked: string;
}

const UNLIMITED = -1;
const LIMITS = {
  ...{ subs: UNLIMITED, data: UNLIMITED, payload: UNLIMITED, imports: UNLIMITED, exports: UNLIMITED },
  ...{ wildcards: true, conn: UNLIMITED, leaf: UNLIMITED },
};

type KeyPair = ReturnType<typeof nkeys.createUser>;

/** Keys and tokens as `nsc` makes them (https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/jwt). */
export function operatorMode(): OperatorMode {
  const operator = nkeys.createOperator();
  const [account, system] = [nkeys.createAccount(), nkeys.createAccount()];
  const [user, gone] = [nkeys.createUser(), nkeys.createUser()];
  const storage = { mem_storage: UNLIMITED, disk_storage: UNLIMITED, streams: UNLIMITED, consumer: UNLIMITED };
  const revocations = { [gone.getPublicKey()]: Math.floor(Date.now() / 1000) + 60 };
  const ofAccount = token(operator, account, { type: 'account', limits: { ...LIMITS, ...storage }, revocations });
  const ofSystem = token(operator, system, { type: 'account', limits: LIMITS });
  return {
    configuration: [
      `operator: ${token(operator, operator, { type: 'operator' })}`,
      `system_account: ${system.getPublicKey()}`,
      'resolver: MEMORY',
      `resolver_preload: { ${account.getPublicKey()}: ${ofAccount}, ${system.getPublicKey()}: ${ofSystem} }`,
    ],
    credentials: credentialsOf(user, account),
    revoked: credentialsOf(gone, account),
  };
}

function credentialsOf(user: KeyPair, account: KeyPair): string {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
  return [
    '-----BEGIN NATS USER JWT-----',
    token(account, user, { type: 'user', pub: {}, sub: {}, subs: UNLIMITED, data: UNLIMITED, payload: UNLIMITED }),
    '------END NATS USER JWT------',
    '',
    '-----BEGIN USER NKEY SEED-----',
    text(user.getSeed()),
    '------END USER NKEY SEED------',
    '',
  ].join('\n');
}

function token(issuer: KeyPair, subject: KeyPair, nats: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = {
    ...{ jti: subject.getPublicKey(), iat: Math.floor(Date.now() / 1000), iss: issuer.getPublicKey() },
    ...{ name: 'test', sub: subject.getPublicKey(), nats: { ...nats, version: 2 } },
  };
  const signed = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part(claims)}`;
  return `${signed}.${Buffer.from(issuer.sign(Buffer.from(signed))).toString('base64url')}`;
}
