import type { NodeSummary, PipelineStatus, PlacedDestination } from '@tidemark/api';
import { html, raw } from 'hono/html';
import { formatAge, formatBytes, secondsSince } from '../status/format.js';

/** Seconds between two loads of the page by itself. */
const REFRESH_SECONDS = 2;

/** On a narrow screen each row becomes a block, and each cell names its column. */
const STYLE = `
:root { color-scheme: light dark; --line: color-mix(in srgb, CanvasText 18%, transparent); --dim: color-mix(in srgb, CanvasText 65%, transparent); }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; margin: 0 0 1rem; } h2 { font-size: 1rem; margin: 2rem 0 .5rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.5rem; margin: 0; } dt { color: var(--dim); } dd { margin: 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
tbody { border-bottom: 1px solid var(--line); } thead th { border-bottom: 1px solid var(--line); }
th { text-align: left; font-weight: 600; color: var(--dim); } th, td { padding: .35rem .75rem .35rem 0; }
.cells td { white-space: nowrap; } .notes td { padding-top: 0; }
.state { font-weight: 600; } .good { color: light-dark(#1a7f37, #4ac26b); } .wait { color: light-dark(#9a6700, #d4a72c); } .bad { color: light-dark(#cf222e, #ff7b72); }
.why { color: var(--dim); } footer { margin-top: 2rem; color: var(--dim); font-size: .85rem; }
@media (max-width: 44rem) {
  body { margin: 1rem auto; } thead { display: none; } tr, td { display: block; } tbody { padding: .35rem 0; display: block; }
  .cells td { display: grid; grid-template-columns: 6rem 1fr; white-space: normal; } th, td { padding: .1rem 0; }
  td[data-column]::before { content: attr(data-column); color: var(--dim); }
}
`;

/** Which colour a state has: nothing to do, wait, or look. */
const TONE: Record<PlacedDestination['state'], 'good' | 'wait' | 'bad'> = {
  starting: 'wait',
  bootstrapping: 'wait',
  streaming: 'good',
  held: 'bad',
  paused: 'wait',
  backing_off: 'bad',
  failed: 'bad',
};

/** The status page: what `tidemark status` shows, as one page without scripts. `answering` is the address of the node that answers. */
export function renderPage(status: PipelineStatus, answering: string) {
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
  ${renderPipeline(status)}
  <h2>Destinations</h2>
  <table>
    <thead><tr><th>Name</th><th>State</th><th>Owner</th><th>Revision</th><th>Lag</th><th>Headroom</th></tr></thead>
    ${status.destinations.map(renderDestination)}
  </table>
  <h2>Nodes</h2>
  <table>
    <thead><tr><th>Name</th><th>Address</th><th>Roles</th><th>Ready</th></tr></thead>
    ${status.nodes.map(renderNode)}
  </table>
  <footer>Answered by ${answering} at ${new Date().toISOString()}. This page reloads every ${REFRESH_SECONDS} s. The same as JSON: <a href="/v1/status">/v1/status</a>, metrics: <a href="/metrics">/metrics</a>.</footer>
</body>
</html>`;
}

function renderPipeline({ leader, source, journal }: PipelineStatus) {
  const led = leader && `${leader.node}, term ${leader.term}, for ${formatAge(secondsSince(leader.since))}`;
  const headroom = source.headroomRevisions === null ? '' : `, headroom ${source.headroomRevisions} revisions`;
  const end = journal && `revision ${journal.revision ?? 'none'}, generation ${journal.generation ?? 'none'}`;
  return html`<dl>
    <dt>Leader</dt><dd>${led ?? bad('none')}</dd>
    <dt>Source</dt><dd>revision ${source.revision ?? 'unknown'}${headroom}</dd>
    <dt>Journal</dt><dd>${journal === null ? bad('not reachable') : `${end}, ${formatBytes(journal.bytes)}`}${journal?.deviations.map(renderNote)}</dd>
  </dl>`;
}

function renderDestination(destination: PlacedDestination) {
  const { name, kind, state, owner, preferredOwner, revision, headroomSeconds } = destination;
  const notes = [...(destination.reason === null ? [] : [destination.reason]), ...destination.deviations];
  const moves = preferredOwner !== null && preferredOwner !== owner;
  return html`<tbody><tr class="cells">
      <td data-column="Name"><span>${name} <span class="why">${kind}</span></span></td>
      <td data-column="State"><span><span class="state ${TONE[state]}">${state}</span> <span class="why">${formatAge(secondsSince(destination.since))}</span></span></td>
      <td data-column="Owner"><span>${owner ?? 'none'}${moves ? html` <span class="why">preferred: ${preferredOwner}</span>` : ''}</span></td>
      <td data-column="Revision">${revision}</td>
      <td data-column="Lag">${destination.lagRevisions} revisions, ${formatAge(destination.lagSeconds)}</td>
      <td data-column="Headroom">${headroomSeconds === null ? 'unknown' : formatAge(headroomSeconds)}</td>
    </tr>${renderNotes(notes, 6)}</tbody>`;
}

function renderNode({ id, listen, roles, ready, problems }: NodeSummary) {
  return html`<tbody><tr class="cells">
      <td data-column="Name">${id}</td><td data-column="Address">${listen}</td><td data-column="Roles">${roles.join(', ')}</td>
      <td data-column="Ready">${ready ? html`<span class="good">yes</span>` : bad('no')}</td>
    </tr>${renderNotes(problems, 4)}</tbody>`;
}

/** Notes have a row of their own, over all columns: in one column a sentence would be many short lines. */
function renderNotes(notes: readonly string[], columns: number) {
  return notes.length === 0 ? '' : html`<tr class="notes"><td colspan="${columns}">${notes.map(renderNote)}</td></tr>`;
}

function renderNote(note: string) {
  return html`<div class="why">${note}</div>`;
}

function bad(text: string) {
  return html`<span class="bad">${text}</span>`;
}
