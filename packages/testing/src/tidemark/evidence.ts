import type { TidemarkNode } from './node.js';

/** Of each node's log; with a few nodes it still fits what a test runner shows of one message. */
const LOG_CHARACTERS = 8_000;

/** What is known of all nodes of a pipeline: what goes wrong at one is often explained by another. */
export function evidence(nodes: readonly TidemarkNode[]): string {
  const sections = nodes.map((node) => {
    const state = node.running ? 'running' : 'not running';
    const status = node.seenStatus === null ? 'never asked' : JSON.stringify(node.seenStatus);
    return `--- ${node.id}, ${state}; the last status it reported: ${status}\nits log:\n${node.log().slice(-LOG_CHARACTERS)}`;
  });
  return sections.join('\n');
}
