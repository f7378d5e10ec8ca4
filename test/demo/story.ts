import { type TidemarkNode, until } from '@tidemark/testing';

/** Prints the demo's few lines; every number in them was measured in this run. */
export class Story {
  private readonly began = performance.now();

  chapter(title: string): void {
    process.stdout.write(`\n${title}\n`);
  }

  tell(line: string): void {
    const seconds = ((performance.now() - this.began) / 1000).toFixed(1).padStart(6);
    process.stdout.write(`${seconds}s  ${line}\n`);
  }
}

/** Milliseconds until `condition` holds, from now. */
export async function measure(describe: string, condition: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await until(async () => Boolean(await condition()), { describe, timeoutMs: 60_000, everyMs: 10 });
  return performance.now() - began;
}

export function formatMs(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** `http://127.0.0.1:8686/v1/status` of a node. */
export function statusAddress(node: TidemarkNode): string {
  return `http://${node.listen}/`;
}
