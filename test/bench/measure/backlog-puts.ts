import { GatewayConnection } from './gateway-connection.js';

export const BACKLOG_PREFIX = '/app/';
/** As many, and each is put again and again. */
const KEYS = 20_000;
export const BACKLOG_VALUE = 'v'.repeat(100);
const WRITERS = 64;

/** The key of the `index`th put of a backlog. */
export function backlogKey(index: number): string {
  return `${BACKLOG_PREFIX}${index % KEYS}`;
}

/** So many revisions of one key each, by 64 writers at once. */
export async function putBacklog(address: string, puts: number): Promise<void> {
  let left = puts;
  const writer = async () => {
    const connection = await GatewayConnection.open(address);
    while (left > 0) {
      left--;
      await connection.put(backlogKey(left), BACKLOG_VALUE);
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
}
