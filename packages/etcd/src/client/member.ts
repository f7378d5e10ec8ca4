import {
  Channel,
  type ChannelOptions,
  type Client,
  type ClientDuplexStream,
  type ClientOptions,
  credentials,
  Metadata,
  type MethodDefinition,
  type ServiceClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js';
import { checkServerIdentity, InvariantError, type TidemarkError, UnavailableError } from '@tidemark/core';
import { Etcd3, type IOptions } from 'etcd3';
import type { Login } from './credentials.js';
import { AuthNotEnabledError, type CallContext, castError, InvalidTokenError, NoTokenError } from './errors.js';
import { AUTHENTICATE, LEASE_REVOKE, type Method, type ServiceName } from './methods.js';

/** Larger than any single key, and a bound on the memory of a page of keys, see pages.ts. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

const CHANNEL_OPTIONS: ChannelOptions = {
  'grpc.max_receive_message_length': MAX_ANSWER_BYTES,
  'grpc.max_send_message_length': -1,
  // Off by default in grpc-js: a deadline would find a frozen or cut-off member late, and a stream would never find it.
  // etcd answers pings more frequent than one in 5 s with GOAWAY, hence a second more.
  'grpc.keepalive_time_ms': 6_000,
  'grpc.keepalive_timeout_ms': 3_000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  // One connection for each service of each client: a bulk read must not delay a lease's keepalive.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_retries': 0,
  'grpc.enable_http_proxy': 0,
  // HTTP/2's default of 64 KiB a stream would cap a page or a catch-up at 64 KiB per round trip.
  'grpc-node.flow_control_window': 4 * 1024 * 1024,
};

const WATCH_CHANNEL_OPTIONS: ChannelOptions = {
  ...CHANNEL_OPTIONS,
  // A catch-up response may hold a thousand revisions of any size. A limit would break the stream at the same place after
  // each reconnect.
  'grpc.max_receive_message_length': -1,
};

export interface UnaryOptions {
  readonly kind: CallContext['kind'];
  /** Milliseconds until an answer must be there. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface MemberOptions {
  /** `http://host:port` or `https://host:port`. */
  readonly endpoint: string;
  readonly credentials: IOptions['credentials'];
  readonly login: Login | null;
  /** Flow control window of the watches; by default that of the other services. */
  readonly watchWindowBytes?: number;
}

/**
 * etcd3's channels, service definitions and codec. Nothing above them is used: its calls cannot be cancelled and carry no
 * metadata, and its policies repeat writes by themselves and close a member's channels, with all calls on them, when one
 * call fails.
 */
class Channels extends Etcd3 {
  async open(service: ServiceName): Promise<Client> {
    const client = await this.pool.withConnection(service, (connection) => connection.client);
    if (service === 'Lease') assertExactIntegers(client);
    return client;
  }
}

/**
 * protobufjs silently rounds 64-bit integers to doubles when it cannot load the package `long`, for example because of a
 * bundler's resolution condition. A rounded lease id may name a foreign lease.
 */
function assertExactIntegers(client: Client): void {
  const ID = '9223372036854775807';
  const { requestSerialize, requestDeserialize } = definitionOf(client, LEASE_REVOKE);
  if (requestDeserialize(requestSerialize({ ID })).ID !== ID) {
    throw new InvariantError('this installation rounds 64-bit integers: protobufjs could not load the package "long"');
  }
}

/** One member of an etcd cluster: single attempts, no retries, errors cast. */
export class Member {
  readonly endpoint: string;
  private readonly channels: Channels;
  private readonly watchChannels: Channels;
  private readonly login: Login | null;
  private metadata: Promise<Metadata> | null = null;

  constructor(options: MemberOptions) {
    this.endpoint = options.endpoint;
    this.login = options.login;
    const { endpoint: hosts, credentials: files } = options;
    const hop = { hosts, ...(files !== undefined && { credentials: files }) };
    const encrypted = files === undefined ? {} : encryptedBy(files);
    this.channels = new Channels({ ...hop, grpcOptions: { ...CHANNEL_OPTIONS, ...encrypted } });
    const { watchWindowBytes } = options;
    const window = watchWindowBytes === undefined ? {} : { 'grpc-node.flow_control_window': watchWindowBytes };
    this.watchChannels = new Channels({ ...hop, grpcOptions: { ...WATCH_CHANNEL_OPTIONS, ...window, ...encrypted } });
  }

  /** One request, one answer. A token that the member no longer knows is renewed once. */
  async call<Req, Res>(method: Method<Req, Res>, request: Req, options: UnaryOptions): Promise<Res> {
    return this.withFreshToken(options, (metadata) => this.attempt(method, request, { ...options, metadata }));
  }

  /** Opens a bidirectional stream. It fails with raw gRPC errors: pass them to `cast`. */
  async open<Req, Res>(method: Method<Req, Res>, options: UnaryOptions): Promise<ClientDuplexStream<Req, Res>> {
    const metadata = (await this.authenticated(options)).clone();
    // With it a member that is cut off from its cluster ends the stream, instead of staying silent.
    metadata.set('hasleader', 'true');
    const client = await this.channelsOf(method.service).open(method.service);
    const { path, requestSerialize, responseDeserialize } = definitionOf(client, method);
    return client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata, {});
  }

  cast(error: unknown, kind: CallContext['kind']): TidemarkError {
    const cast = castError(error, { endpoint: this.endpoint, kind });
    // Authentication was turned on after the first call to this member: the configured user can get a token.
    const outdated = cast instanceof NoTokenError && this.login !== null;
    const { message, remedy } = cast;
    const known = outdated ? new InvalidTokenError({ message, remedy, cause: error }) : cast;
    if (known instanceof InvalidTokenError) this.metadata = null;
    return known;
  }

  close(): void {
    this.channels.close();
    this.watchChannels.close();
  }

  private channelsOf(service: ServiceName): Channels {
    return service === 'Watch' ? this.watchChannels : this.channels;
  }

  private async withFreshToken<T>(options: UnaryOptions, work: (metadata: Metadata) => Promise<T>): Promise<T> {
    try {
      return await work(await this.authenticated(options));
    } catch (error) {
      // A write may be repeated too: the refusal came before it was carried out.
      if (!(error instanceof InvalidTokenError) || this.login === null) throw error;
      return work(await this.authenticated(options));
    }
  }

  private authenticated(options: UnaryOptions): Promise<Metadata> {
    this.metadata ??= this.authenticate(options).catch((error: unknown) => {
      this.metadata = null;
      throw error;
    });
    return this.metadata;
  }

  private async authenticate({ timeoutMs }: UnaryOptions): Promise<Metadata> {
    const metadata = new Metadata();
    if (this.login === null) return metadata;
    // All calls that wait for the token share it, so no single caller's signal may end it.
    const { signal } = new AbortController();
    const options = { kind: 'read', timeoutMs, signal, metadata: new Metadata() } as const;
    try {
      const { token } = await this.attempt(AUTHENTICATE, this.login, options);
      metadata.set('token', token);
    } catch (error) {
      if (!(error instanceof AuthNotEnabledError)) throw error;
    }
    return metadata;
  }

  private async attempt<Req, Res>(
    method: Method<Req, Res>,
    request: Req,
    options: UnaryOptions & { readonly metadata: Metadata },
  ): Promise<Res> {
    const { kind, metadata, signal, timeoutMs } = options;
    const client = await this.openClient(method.service);
    if (signal.aborted) throw notStarted(this.endpoint);
    const { path, requestSerialize, responseDeserialize } = definitionOf(client, method);
    return new Promise<Res>((resolve, reject) => {
      const cancel = () => call.cancel();
      const answered = (error: ServiceError | null, response?: Res) => {
        signal.removeEventListener('abort', cancel);
        if (error !== null || response === undefined) reject(this.cast(error, kind));
        else resolve(response);
      };
      const deadline = Date.now() + timeoutMs;
      const call = client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadata,
        { deadline },
        answered,
      );
      signal.addEventListener('abort', cancel, { once: true });
    });
  }

  private async openClient(service: ServiceName): Promise<Client> {
    try {
      return await this.channelsOf(service).open(service);
    } catch (error) {
      throw closed(this.endpoint, error);
    }
  }
}

/** etcd3 has no option for who checks the names in a certificate: the channel is made here in its place. */
function encryptedBy({ rootCertificate, privateKey, certChain }: NonNullable<IOptions['credentials']>): ClientOptions {
  const verified = credentials.createSsl(rootCertificate, privateKey, certChain, { checkServerIdentity });
  return { channelFactoryOverride: (address, _ofEtcd3, options) => new Channel(address, verified, options) };
}

function definitionOf<Req, Res>(client: Client, method: Method<Req, Res>): MethodDefinition<Req, Res> {
  // grpc-js stores the service's definition on the client class that it generates.
  const { service } = client.constructor as ServiceClientConstructor;
  const definition: MethodDefinition<Req, Res> | undefined = service[method.name];
  if (definition === undefined) throw new InvariantError(`etcd3 does not know ${method.service}.${method.name}`);
  return {
    ...definition,
    requestSerialize: method.encode ?? definition.requestSerialize,
    responseDeserialize: method.decode ?? definition.responseDeserialize,
  };
}

function notStarted(endpoint: string): UnavailableError {
  return new UnavailableError({
    message: `a call to etcd at ${endpoint} was aborted before it began`,
    remedy: 'Nothing to do: Tidemark is stopping this work.',
  });
}

function closed(endpoint: string, cause: unknown): UnavailableError {
  return new UnavailableError({
    message: `the client of etcd at ${endpoint} is closed`,
    remedy: 'Nothing to do: Tidemark is stopping this work, or continues with new certificates.',
    cause,
  });
}
