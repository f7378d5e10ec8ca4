import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { type ContainerRuntimeClient, GenericContainer, type StartedTestContainer, Wait } from 'testcontainers';
import { TestServerError } from '../../network/errors.js';
import type { Lifecycle } from '../handles.js';
import { OutputRing } from '../output.js';
import { ownerLabel } from './orphans.js';

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_S = 10;
const PROBE_EVERY_MS = 50;

export interface ContainerSpec {
  readonly image: string;
  readonly command: readonly string[];
  /** Published on loopback under the same number: after a restart the address is still the same. */
  readonly ports: readonly number[];
  /** Files by path that the container has before it starts. */
  readonly files: Readonly<Record<string, string>>;
  /** What the server prints once it serves; the image has no shell that a command could run in. */
  readonly readyMessage: RegExp;
  readonly answers: () => Promise<boolean>;
}

type Container = ReturnType<ContainerRuntimeClient['container']['getById']>;

/** One server in a container. Its data live in the container's own layer, so they stay as long as it is not removed. */
export class ServerContainer implements Lifecycle {
  private readonly container: Container;

  private constructor(
    private readonly client: ContainerRuntimeClient,
    private readonly started: StartedTestContainer,
    private readonly spec: ContainerSpec,
    private readonly output: OutputRing,
  ) {
    this.container = client.container.getById(started.getId());
  }

  static async create(client: ContainerRuntimeClient, spec: ContainerSpec): Promise<ServerContainer> {
    const output = new OutputRing();
    const files = Object.entries(spec.files).map(([target, content]) => ({ target, content }));
    const started = await new GenericContainer(spec.image)
      .withCommand([...spec.command])
      .withExposedPorts(...spec.ports.map((port) => ({ container: port, host: port })))
      .withCopyContentToContainer(files)
      .withLabels(ownerLabel())
      .withAutoRemove(false)
      .withLogConsumer((stream) => follow(stream, output))
      .withWaitStrategy(Wait.forLogMessage(spec.readyMessage))
      .withStartupTimeout(START_TIMEOUT_MS)
      .start();
    const server = new ServerContainer(client, started, spec, output);
    try {
      await server.untilItAnswers();
    } catch (error) {
      await server.remove();
      throw error;
    }
    return server;
  }

  async start(): Promise<void> {
    if (await this.running()) return;
    this.output.clear();
    const since = Math.floor(Date.now() / 1_000);
    await this.container.start();
    follow(await this.client.container.logs(this.container, { since, follow: true }), this.output);
    await this.untilItAnswers();
  }

  async kill(): Promise<void> {
    if (await this.running()) await this.container.kill({ signal: 'SIGKILL' });
    await this.container.wait();
  }

  async stop(): Promise<void> {
    if (!(await this.running())) return;
    // The engine does not stop what is frozen.
    if ((await this.container.inspect()).State.Paused) await this.container.unpause();
    await this.container.stop({ t: STOP_TIMEOUT_S });
  }

  async pause(): Promise<void> {
    await this.container.pause();
  }

  async resume(): Promise<void> {
    await this.container.unpause();
  }

  log(): string {
    return this.output.toString();
  }

  /** Replaces a file in the container, which may be stopped. */
  async write(target: string, content: string): Promise<void> {
    await this.started.copyContentToContainer([{ target, content }]);
  }

  async remove(): Promise<void> {
    await this.container.remove({ force: true, v: true });
  }

  private async running(): Promise<boolean> {
    return (await this.container.inspect()).State.Running;
  }

  private async untilItAnswers(): Promise<void> {
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (!(await this.spec.answers())) {
      const ended = !(await this.running());
      if (ended || performance.now() > deadline) {
        throw new TestServerError({
          message: `${this.spec.image} ${ended ? 'ended' : 'does not answer'}; it printed:\n${this.output.lastLines(30)}`,
          remedy: `Look at: docker logs ${this.started.getId()}`,
        });
      }
      await delay(PROBE_EVERY_MS);
    }
  }
}

function follow(stream: Readable, output: OutputRing): void {
  stream.on('data', (chunk: Buffer | string) => output.add(Buffer.from(chunk)));
  // The log ends when the engine goes away; the next call to the engine says so with more words.
  stream.on('error', (error) => output.add(Buffer.from(`log: ${error.message}\n`)));
}
