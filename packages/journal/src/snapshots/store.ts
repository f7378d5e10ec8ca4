import {
  type KeyRange,
  type KeyValue,
  rangeContains,
  SnapshotMissingError,
  type SnapshotRef,
  type SnapshotStore,
} from '@tidemark/core';
import { decodeSnapshotPart } from '../format/snapshot-part.js';
import { type Bucket, type BucketObject, hashed } from './bucket.js';
import { decodeManifest, encodeManifest, type Manifest, type PartRef, partsWithin, verifyPart } from './manifest.js';
import { type Part, SnapshotPacker } from './packer.js';

/** Longer than any `put` takes: another node may be storing a snapshot right now. */
const ORPHAN_AGE_MS = 3_600_000;

/**
 * Snapshots as objects: parts `<id>/<n>`, and `<id>/manifest`, which is written last and makes the snapshot exist. An
 * interrupted `put` leaves orphaned parts; a later `put` or `remove` removes them when they are old.
 */
export class BucketSnapshotStore implements SnapshotStore {
  /** Manifests by id, as of the last `list`. A manifest never changes. */
  private manifests: ReadonlyMap<string, Manifest> = new Map();

  constructor(
    private readonly bucket: Bucket,
    private readonly orphanAgeMs = ORPHAN_AGE_MS,
  ) {}

  async put(
    about: Pick<SnapshotRef, 'position' | 'rewind'>,
    pages: AsyncIterable<readonly KeyValue[]>,
    signal: AbortSignal,
  ): Promise<SnapshotRef> {
    await this.sweep(signal);
    const packer = new SnapshotPacker(about);
    const storing = new OneAhead<void>();
    for await (const part of packed(packer, pages)) {
      signal.throwIfAborted();
      await storing.replace(this.bucket.put(`${packer.id}/${part.ref.index}`, part.content));
    }
    await storing.replace(undefined);
    signal.throwIfAborted();
    const manifest = packer.manifest(Date.now());
    await this.bucket.put(`${packer.id}/manifest`, hashed(encodeManifest(manifest)));
    return manifest.ref;
  }

  async *open(id: string, range: KeyRange, signal: AbortSignal): AsyncGenerator<readonly KeyValue[]> {
    const parts = partsWithin(await this.manifest(id), range);
    const ahead = new OneAhead<Buffer>();
    if (parts[0] !== undefined) await ahead.replace(this.part(id, parts[0]));
    for (const next of [...parts.slice(1), undefined]) {
      const payload = await ahead.replace(next && this.part(id, next));
      if (payload === undefined) return;
      for (const slice of decodeSnapshotPart(payload)) {
        if (signal.aborted) return;
        const page = slice.filter(({ key }) => rangeContains(range, key));
        if (page.length > 0) yield page;
      }
    }
  }

  async list(signal: AbortSignal): Promise<readonly SnapshotRef[]> {
    const found = new Map<string, Manifest>();
    for (const { name } of await this.bucket.list()) {
      signal.throwIfAborted();
      if (!isManifest(name)) continue;
      const id = snapshotOf(name);
      const manifest = this.manifests.get(id) ?? (await this.fetchManifest(id));
      if (manifest !== null) found.set(id, manifest);
    }
    this.manifests = found;
    const refs = [...found.values()].map(({ ref }) => ref);
    return refs.sort((a, b) => a.createdAt - b.createdAt || a.position.revision - b.position.revision);
  }

  /** Removes the manifest first: the snapshot is gone then, even if removing its parts is interrupted. */
  async remove(id: string, signal: AbortSignal): Promise<void> {
    await this.bucket.remove(`${id}/manifest`);
    for (const { name } of await this.bucket.list()) {
      signal.throwIfAborted();
      if (snapshotOf(name) === id) await this.bucket.remove(name);
    }
    await this.sweep(signal);
  }

  private async sweep(signal: AbortSignal): Promise<void> {
    const objects = await this.bucket.list();
    const complete = new Set(objects.filter(({ name }) => isManifest(name)).map(({ name }) => snapshotOf(name)));
    const isOrphan = ({ name, modifiedAt }: BucketObject) =>
      !complete.has(snapshotOf(name)) && modifiedAt <= Date.now() - this.orphanAgeMs;
    for (const { name } of objects.filter(isOrphan)) {
      signal.throwIfAborted();
      await this.bucket.remove(name);
    }
  }

  private async part(id: string, part: PartRef): Promise<Buffer> {
    const content = await this.bucket.get(`${id}/${part.index}`);
    if (content === null) throw missing(`Part ${part.index} of snapshot ${id} is missing.`);
    return verifyPart(id, part, content);
  }

  /** @throws SnapshotMissingError */
  private async manifest(id: string): Promise<Manifest> {
    const manifest = this.manifests.get(id) ?? (await this.fetchManifest(id));
    if (manifest === null) throw missing(`There is no snapshot ${id}.`);
    return manifest;
  }

  private async fetchManifest(id: string): Promise<Manifest | null> {
    const content = await this.bucket.get(`${id}/manifest`);
    return content && decodeManifest(content.payload);
  }
}

async function* packed(packer: SnapshotPacker, pages: AsyncIterable<readonly KeyValue[]>): AsyncGenerator<Part> {
  for await (const page of pages) yield* packer.add(page);
  yield* packer.end();
}

/** One operation in flight while the caller prepares, or uses, another. Its failure is thrown when it is awaited. */
class OneAhead<T> {
  private current: Promise<T> | undefined;

  /** Waits for the operation in flight, returns its result, and lets `next` take its place. */
  async replace(next: Promise<T> | undefined): Promise<T | undefined> {
    const before = this.current;
    this.current = next;
    // The next call awaits it, or none after an early end: until then Node would report the rejection as unhandled.
    next?.catch(() => undefined);
    return before;
  }
}

function isManifest(name: string): boolean {
  return name.endsWith('/manifest');
}

/** The id in `<id>/<part>`. */
function snapshotOf(name: string): string {
  return name.slice(0, name.lastIndexOf('/'));
}

function missing(message: string): SnapshotMissingError {
  return new SnapshotMissingError({
    message,
    remedy: '`tidemark snapshot list` shows the snapshots; `tidemark snapshot create` takes a new one.',
  });
}
