import { readdir, readFile, readlink } from 'node:fs/promises';
import type { Socket } from 'node:net';

/** 127.0.0.1 as /proc/net/tcp writes it. */
const LOOPBACK = '0100007F';
const INODE_COLUMN = 9;

/**
 * Which of these processes holds the other end of a loopback connection; undefined when none does (any more). A server
 * says who it is only in its protocol, and not on every connection; the kernel always knows. Linux only.
 */
export async function ownerOfPeer(socket: Socket, pids: readonly number[]): Promise<number | undefined> {
  const inode = await inodeOfPeer(socket);
  if (inode === undefined) return undefined;
  for (const pid of pids) {
    if (await holds(pid, `socket:[${inode}]`)) return pid;
  }
  return undefined;
}

async function inodeOfPeer({ localPort = 0, remotePort = 0 }: Socket): Promise<string | undefined> {
  const [theirs, ours] = [hexAddress(remotePort), hexAddress(localPort)];
  for (const line of (await readFile('/proc/net/tcp', 'latin1')).split('\n')) {
    const columns = line.trim().split(/\s+/);
    if (columns[1] === theirs && columns[2] === ours) return columns[INODE_COLUMN];
  }
  return undefined;
}

function hexAddress(port: number): string {
  return `${LOOPBACK}:${port.toString(16).toUpperCase().padStart(4, '0')}`;
}

async function holds(pid: number, target: string): Promise<boolean> {
  const directory = `/proc/${pid}/fd`;
  // Processes end and descriptors close while we look.
  const descriptors = await readdir(directory).catch(() => []);
  const links = await Promise.all(descriptors.map((name) => readlink(`${directory}/${name}`).catch(() => '')));
  return links.includes(target);
}
