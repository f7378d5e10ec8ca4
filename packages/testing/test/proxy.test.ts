import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FaultProxy, until } from '../src/index.js';

/** A client that collects what it receives. */
class Client {
  received = '';
  closed = false;
  readonly socket: Socket;

  constructor(address: string) {
    const [host = '', port = ''] = address.split(':');
    const socket = connect({ host, port: Number(port) });
    this.socket = socket;
    socket.on('data', (data: Buffer) => {
      this.received += data.toString();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.closed = true;
    });
  }

  static async to(address: string): Promise<Client> {
    const client = new Client(address);
    await once(client.socket, 'connect');
    return client;
  }

  say(text: string): void {
    this.socket.write(text);
  }

  hears(text: string): Promise<boolean> {
    return until(() => this.received.includes(text), { describe: () => `${text}, heard ${this.received}` });
  }

  isClosed(): Promise<boolean> {
    return until(() => this.closed, { describe: 'a closed connection' });
  }
}

describe('FaultProxy', () => {
  let server: Server;
  let requests: string;
  let proxy: FaultProxy;

  beforeEach(async () => {
    requests = '';
    server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.on('data', (data: Buffer) => {
        requests += data.toString();
        socket.write(`re:${data.toString()}`);
      });
    });
    server.listen({ host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no TCP address');
    proxy = await FaultProxy.start(`127.0.0.1:${address.port}`);
  });

  afterEach(async () => {
    await proxy[Symbol.asyncDispose]();
    server.close();
  });

  it('passes bytes on and counts them', async () => {
    const client = await Client.to(proxy.address);
    client.say('hello');
    await client.hears('re:hello');
    expect(proxy.counters).toMatchObject({ connections: 1, bytesToServer: 5, bytesToClient: 8 });
  });

  it('passes a large answer on to a slow reader completely', async () => {
    const client = await Client.to(proxy.address);
    client.socket.pause();
    const size = 8 * 1024 * 1024;
    client.say('x'.repeat(size));
    client.socket.resume();
    await until(() => client.received.replaceAll('re:', '').length === size, { describe: 'all of the answer' });
  });

  it('cuts all connections and takes new ones', async () => {
    const [one, two] = [await Client.to(proxy.address), await Client.to(proxy.address)];
    await until(() => proxy.open === 2, { describe: 'two connections' });
    expect(proxy.cut()).toBe(2);
    await Promise.all([one.isClosed(), two.isClosed()]);
    const three = await Client.to(proxy.address);
    three.say('again');
    await three.hears('re:again');
    expect(proxy.counters).toMatchObject({ cut: 2, connections: 3 });
  });

  it('holds everything while it is a black hole, and delivers it afterwards', async () => {
    const client = await Client.to(proxy.address);
    client.say('before');
    await client.hears('re:before');
    proxy.blackHole();
    client.say('during');
    await until(() => proxy.counters.held > 0, { describe: 'something held' });
    expect(requests).toBe('before');
    expect(client.closed).toBe(false);
    proxy.forward();
    await client.hears('re:during');
  });

  it('refuses new connections and breaks old ones', async () => {
    const old = await Client.to(proxy.address);
    await until(() => proxy.open === 1, { describe: 'a connection' });
    proxy.refuse();
    await old.isClosed();
    await new Client(proxy.address).isClosed();
    expect(proxy.counters).toMatchObject({ cut: 1, refused: 1 });
  });

  it('drops the n-th reply and breaks its connection', async () => {
    const client = await Client.to(proxy.address);
    proxy.dropReply(2);
    client.say('one');
    await client.hears('re:one');
    client.say('two');
    await client.isClosed();
    expect(requests).toBe('onetwo');
    expect(client.received).toBe('re:one');
    expect(proxy.counters).toMatchObject({ droppedReplies: 1, cut: 1 });
  });

  it('lets a chosen request through and loses its reply', async () => {
    const client = await Client.to(proxy.address);
    proxy.loseReplyTo('write');
    client.say('read');
    await client.hears('re:read');
    client.say('a write');
    await until(() => proxy.counters.droppedReplies === 1, { describe: 'a lost reply' });
    expect(requests).toBe('reada write');
    expect(client.received).toBe('re:read');
    expect(proxy.cut()).toBe(1);
    await client.isClosed();
  });

  it('holds a chosen request and what follows it, on its connection only', async () => {
    const [client, other] = await Promise.all([Client.to(proxy.address), Client.to(proxy.address)]);
    proxy.holdFrom('write');
    client.say('read');
    await client.hears('re:read');
    client.say('a write');
    await until(() => proxy.counters.held === 1, { describe: 'a held request' });
    client.say(', more');
    other.say('a write of another');
    await other.hears('re:a write of another');
    expect(requests).toBe('reada write of another');
    proxy.forward();
    await client.hears(', more');
    client.say('a write again');
    await client.hears('a write again');
    expect(requests).toBe('reada write of anothera write, morea write again');
  });

  it('delays both directions', async () => {
    const client = await Client.to(proxy.address);
    proxy.delay(40);
    const started = performance.now();
    client.say('slow');
    await client.hears('re:slow');
    expect(performance.now() - started).toBeGreaterThanOrEqual(75);
  });
});
