import type { EtcdAuth, EtcdUser } from './contract.js';

type Etcdctl = (args: readonly string[], input?: string) => Promise<Buffer>;

/** Creates root, the users and their roles, then turns authentication on. Passwords go through standard input. */
export async function turnAuthOn(etcdctl: Etcdctl, { rootPassword, users = [] }: EtcdAuth): Promise<void> {
  await addUser(etcdctl, 'root', rootPassword);
  for (const user of users) await addUserWithRole(etcdctl, user);
  await etcdctl(['auth', 'enable']);
}

async function addUserWithRole(etcdctl: Etcdctl, { name, password, permissions }: EtcdUser): Promise<void> {
  await addUser(etcdctl, name, password);
  await etcdctl(['role', 'add', name]);
  for (const { right, prefix } of permissions) {
    await etcdctl(['role', 'grant-permission', '--prefix', name, right, prefix]);
  }
  await etcdctl(['user', 'grant-role', name, name]);
}

async function addUser(etcdctl: Etcdctl, name: string, password: string): Promise<void> {
  await etcdctl(['user', 'add', '--interactive=false', name], `${password}\n`);
}
