import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type ContainerRuntimeClient, ImageName } from 'testcontainers';
import type { BinaryName } from '../binary.js';
import { libraries, type Program, program } from '../program.js';

const run = promisify(execFile);

/** Directories that the servers write to; an imported image has only what is put into it. */
const WRITABLE = ['tmp', 'data'];

/**
 * The image of one server, made from this machine's own binary and the libraries it names: no registry is asked, and
 * what runs in the container is what runs outside. There is no shell in it. It is named after the binary's content: an
 * upgraded binary gets a new image, and an existing image is used again.
 */
export async function ensureImage(client: ContainerRuntimeClient, name: BinaryName): Promise<string> {
  const source = program(name);
  const digest = createHash('sha256').update(await readFile(source.path));
  const image = new ImageName(undefined, `tidemark-test/${name}`, `local-${digest.digest('hex').slice(0, 12)}`);
  if (await client.image.exists(image)) return image.string;
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-image-'));
  try {
    const root = join(directory, 'root');
    await collect(root, name, source);
    const archive = join(directory, 'image.tar');
    await run('tar', ['-C', root, '-cf', archive, '.']);
    await importImage(client, archive, image);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  return image.string;
}

/** `/bin/NAME`, its libraries at the paths where the loader looks for them, and the directories it writes to. */
async function collect(root: string, name: BinaryName, source: Program): Promise<void> {
  for (const directory of WRITABLE) await mkdir(join(root, directory), { recursive: true });
  await copy(source.path, join(root, 'bin', name));
  for (const { path, target } of await libraries(source)) await copy(path, join(root, target));
}

async function copy(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  // Libraries are links to versioned files: the image gets the file under the name that is asked for.
  await cp(from, to, { dereference: true });
}

async function importImage(client: ContainerRuntimeClient, archive: string, image: ImageName): Promise<void> {
  const { dockerode } = client.container;
  const options = { repo: image.image, tag: image.tag };
  const progress = await dockerode.importImage(createReadStream(archive), options);
  await new Promise<void>((resolve, reject) => {
    dockerode.modem.followProgress(progress, (error: Error | null) => (error === null ? resolve() : reject(error)));
  });
}
