import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { commandTree } from '../src/commands/tree.js';

type Tree = ReturnType<typeof commandTree>;

const tree = commandTree(() => undefined);

/** Whether words that follow `tidemark` name a command, and one below it where it has any. */
function isCommand(above: Tree, [word, ...rest]: readonly string[]): boolean {
  const command = above.commands.find((each) => each.name() === word);
  if (command === undefined) return false;
  return command.commands.length === 0 || rest.length === 0 || isCommand(command, rest);
}

it.each(['docs/operations.md', 'deploy/README.md'])('%s names no command that is not there', (document) => {
  const text = readFileSync(new URL(`../../../${document}`, import.meta.url), 'utf8');
  const named = [...text.matchAll(/`tidemark ([a-z][a-z-]*(?: [a-z][a-z-]*)?)/g)].map(([, words = '']) => words);
  expect(named).not.toEqual([]);
  expect(named.filter((words) => !isCommand(tree, words.split(' ')))).toEqual([]);
});
