import { html, raw } from 'hono/html';
import { formatAge, formatBytes } from '../commands/table.js';
import type { NodeSummary, PipelineStatus } from './status.js';

/** Seconds between two loads of the page by itself. */
const REFRESH_SECONDS = 2;

const STYLE = `
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); --dim: color-mix(in srgb, currentColor 60%, transparent); }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0 0 1rem; } h2 { font-size: 1rem; margin: 2rem 0 .5rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.5rem; margin: 0; } dt { color: var(--dim); } dd { margin: 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--dim); } th, td { padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.state { font-weight: 600; } .good { color: light-dark(#1a7f37, #4ac26b); } .wait { color: light-dark(#9a6700, #d4a72c); } .bad { color: light-dark(#cf222e, #ff7b72); }
.why { color: var(--dim); } footer { margin-top: 2rem; color: var(--dim); font-size: .85rem; }
`;

/** Which colour a state has: nothing to do, wait, or look. */
const TONE: Record<PipelineStatus['destinations'][number]['state'], 'good' | 'wait' | 'bad'> = {
  starting: 'wait',
  bootstrapping: 'wait',
  streaming: 'good',
  held: 'bad',
  paused: 'wait',
  backing_off: 'bad',
  failed: 'bad',
};

/** The status page: what `tidemark status` tells, as one page without scripts. */
export function renderPage(status: PipelineStatus, asked: string) {
  const { leader, journal } = status;
  return html`<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta http-equiv="refresh" content="${REFRESH_SECONDS}">
  <title>Tidemark ${status.pipeline}</title>
  <style>${raw(STYLE)}</style>
</head>
<body>
  <h1>Tidemark pipeline ${status.pipeline}</h1>
  <dl>
    <dt>Leader</dt><dd>${leader === null ? 'none' : `${leader.node}, term ${leader.term}`}</dd>
    <dt>Source</dt><dd>revision ${status.source.revision ?? 'unknown'}</dd>
    <dt>Journal</dt><dd>${journal === null ? 'not reachable' : `revision ${journal.revision ?? 'none'}, generation ${journal.generation ?? 'none'}, ${formatBytes(journal.bytes)}`}</dd>
  </dl>
  <h2>Destinations</h2>
  <table>
    <tr><th>Name</th><th>State</th><th>Owner</th><th>Revision</th><th>Lag</th></tr>
    ${status.destinations.map(renderDestination)}
  </table>
  <h2>Nodes</h2>
  <table>
    <tr><th>Name</th><th>Address</th><th>Roles</th><th>Ready</th></tr>
    ${status.nodes.map(renderNode)}
  </table>
  <footer>Asked ${asked} at ${new Date().toISOString()}; reloads every ${REFRESH_SECONDS} s. The same as JSON: <a href="/v1/status">/v1/status</a>, metrics: <a href="/metrics">/metrics</a>.</footer>
</body>
</html>`;
}

function renderDestination(destination: PipelineStatus['destinations'][number]) {
  const { name, kind, state, owner, preferredOwner, revision, lagRevisions, lagSeconds } = destination;
  const notes = [...(destination.reason === null ? [] : [destination.reason]), ...destination.deviations];
  const moves = preferredOwner !== null && preferredOwner !== owner;
  return html`<tr>
      <td>${name} <span class="why">${kind}</span></td>
      <td><span class="state ${TONE[state]}">${state}</span>${notes.map((note) => html`<br><span class="why">${note}</span>`)}</td>
      <td>${owner ?? 'none'}${moves ? html` <span class="why">preferred: ${preferredOwner}</span>` : ''}</td><td>${revision}</td><td>${lagRevisions} revisions, ${formatAge(lagSeconds)}</td>
    </tr>`;
}

function renderNode(node: NodeSummary) {
  return html`<tr>
      <td>${node.id}</td><td>${node.listen}</td><td>${node.roles.join(', ')}</td>
      <td><span class="${node.ready ? 'good' : 'bad'}">${node.ready ? 'yes' : 'no'}</span>${node.problems.map((problem) => html`<br><span class="why">${problem}</span>`)}</td>
    </tr>`;
}
