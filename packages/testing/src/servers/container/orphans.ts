import type { ContainerRuntimeClient } from 'testcontainers';

/**
 * testcontainers leaves the removal of what a killed test process started to a helper container, whose image cannot be
 * had without a registry. Instead each container carries the id of its process, and the next run removes those whose
 * process is gone.
 */
const OWNER_LABEL = 'tidemark-test.owner';

export function ownerLabel(): Record<string, string> {
  return { [OWNER_LABEL]: String(process.pid) };
}

export async function removeOrphans(client: ContainerRuntimeClient): Promise<void> {
  const { dockerode } = client.container;
  const ours = await dockerode.listContainers({ all: true, filters: { label: [OWNER_LABEL] } });
  for (const { Id, Labels } of ours) {
    if (!isAlive(Number(Labels[OWNER_LABEL]))) await dockerode.getContainer(Id).remove({ force: true, v: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
