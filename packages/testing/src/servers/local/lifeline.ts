import type { ChildProcess } from 'node:child_process';
import { rmSync } from 'node:fs';

/**
 * Nothing that a test starts may outlive the test process. When that process ends by itself, one `exit` hook kills what
 * is left; when it is killed, only the kernel can help, which `tied` asks for.
 */
const children = new Set<ChildProcess>();
const directories = new Set<string>();
let hooked = false;

export function guardProcess(child: ChildProcess): void {
  hook();
  children.add(child);
  child.once('exit', () => children.delete(child));
}

export function guardDirectory(path: string): void {
  hook();
  directories.add(path);
}

export function releaseDirectory(path: string): void {
  directories.delete(path);
}

function hook(): void {
  if (hooked) return;
  hooked = true;
  process.once('exit', () => {
    for (const child of children) child.kill('SIGKILL');
    for (const path of directories) rmSync(path, { recursive: true, force: true });
  });
}
