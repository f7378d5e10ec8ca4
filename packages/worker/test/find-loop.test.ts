import type { Origin } from '@tidemark/core';
import { describe, expect, it } from 'vitest';
import { findLoop, type Link } from '../src/loops/find-loop.js';

/** A destination from one cluster to another, with routes `FROM > TO`, and what is excluded after a `-`. */
function link(pipeline: string, clusters: `${string}->${string}`, ...routes: readonly string[]): Link {
  const [source = '', writesTo = ''] = clusters.split('->');
  const regions = routes.map((route) => {
    const [paths = '', except] = route.split(' - ');
    const [from = '', to = ''] = paths.split(' > ');
    const excluded = except === undefined ? [] : [except];
    return { reads: { prefix: from, except: excluded }, writes: { prefix: to, except: [] } };
  });
  const origin: Origin = { pipeline, destination: 'd', source, routes: regions, campaign: null, mark: '' };
  return { origin, writesTo };
}

describe('a loop', () => {
  it.each<[string, Link, readonly Link[], readonly string[] | null]>([
    ['of one destination in its own source', link('x', 'A->A', '/a/ > /a/'), [], []],
    ['into a part of what it reads', link('x', 'A->A', '/a/ > /a/b/'), [], []],
    ['of two routes', link('x', 'A->A', '/a/ > /b/', '/b/ > /a/'), [], []],
    ['of two pipelines', link('x', 'A->B', '/a/ > /a/'), [link('y', 'B->A', '/a/ > /a/')], ['y']],
    ['of two pipelines that rewrite', link('x', 'A->B', '/a/ > /b/'), [link('y', 'B->A', '/b/x/ > /a/y/')], ['y']],
    ['of a pipeline that reads everything', link('x', 'A->B', '/a/ > /b/'), [link('y', 'B->A', ' > ')], ['y']],
    [
      'over three clusters',
      link('x', 'A->B', '/a/ > /a/'),
      [link('z', 'C->A', '/a/ > /a/'), link('y', 'B->C', '/a/ > /a/')],
      ['y', 'z'],
    ],
  ])('%s is seen', (_, ours, others, through) => {
    expect(findLoop(ours, others)?.through.map(({ pipeline }) => pipeline)).toEqual(through);
  });

  it.each<[string, Link, readonly Link[]]>([
    ['a copy to another cluster', link('x', 'A->B', '/a/ > /a/'), []],
    ['a copy within a cluster', link('x', 'A->A', '/a/ > /b/'), []],
    ['a chain within a cluster', link('x', 'A->A', '/a/ > /b/', '/b/ > /c/'), []],
    ['a chain over clusters', link('x', 'B->C', '/a/ > /a/'), [link('y', 'A->B', '/a/ > /a/')]],
    ['both directions of different keys', link('x', 'A->B', '/a/ > /a/'), [link('y', 'B->A', '/b/ > /b/')]],
    ['a way back to what we do not read', link('x', 'A->B', '/a/ > /b/'), [link('y', 'B->A', '/b/ > /c/')]],
    ['a way back of what we did not write', link('x', 'A->B', '/a/ > /b/'), [link('y', 'B->A', '/c/ > /a/')]],
    ['a way back that is excluded', link('x', 'A->B', '/a/ > /b/'), [link('y', 'B->A', ' > /a/ - /b/')]],
    ['a way back that comes to its end', link('x', 'A->B', '/a/ > /a/', '/c/ > /d/'), [link('y', 'B->A', '/a/ > /c/')]],
    ["others' loop", link('x', 'A->B', '/a/ > /a/'), [link('y', 'B->B', '/b/ > /b/')]],
  ])('%s is none', (_, ours, others) => {
    expect(findLoop(ours, others)).toBeNull();
  });
});
