import { element, text } from './svg.js';

/** A card with a title, rows of horizontal bars, and a footnote. */
interface Panel {
  readonly width: number;
  readonly height: number;
  readonly title: string;
  readonly subtitle: string;
  readonly footnote: string;
}

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** The value as it is written at the end of the bar. */
  readonly shown: string;
  readonly colour: string;
  /** Said in bold after the value. */
  readonly note?: string;
}

export interface Stack {
  readonly label: string;
  readonly parts: readonly { readonly colour: string; readonly value: number }[];
}

export interface LegendItem {
  readonly label: string;
  readonly colour: string;
}

const PAD = 18;
const LABEL_WIDTH = 154;
/** Room for the value and the note after the longest bar. */
const VALUE_WIDTH = 104;
const ROWS_FROM = 64;
const FOOT = 34;
const LARGEST_BAR = 26;
/** A swatch and the space around it, and a letter of an 11 px font: no font is known here, so it is a little too wide. */
const LEGEND_ITEM_WIDTH = 28;
const LEGEND_LETTER_WIDTH = 6.5;
const GREY = '#64748b';

export function barPanel(panel: Panel & { readonly bars: readonly Bar[] }): string {
  const largest = Math.max(...panel.bars.map(({ value }) => value));
  const rows = panel.bars.map((bar, index) => {
    const { y, thickness, scale } = rowPlace(panel, { index, of: panel.bars.length, largest });
    const length = Math.max(2, bar.value * scale);
    const behind = PAD + LABEL_WIDTH + length + 8;
    return [
      text(bar.label, { x: PAD, y: y + thickness / 2 + 4, size: 12 }),
      element('rect', { x: PAD + LABEL_WIDTH, y, width: length, height: thickness, rx: 3, fill: bar.colour }),
      valueText(bar, behind, y + thickness / 2 + 4),
    ].join('\n');
  });
  return card(panel, rows);
}

export function stackPanel(
  panel: Panel & { readonly rows: readonly Stack[]; readonly legend: readonly LegendItem[] },
): string {
  const sum = (row: Stack) => row.parts.reduce((total, { value }) => total + value, 0);
  const largest = Math.max(...panel.rows.map(sum));
  const rows = panel.rows.map((row, index) => {
    const { y, thickness, scale } = rowPlace(panel, { index, of: panel.rows.length, largest });
    let x = PAD + LABEL_WIDTH;
    const parts = row.parts.map(({ colour, value }) => {
      const part = element('rect', { x, y, width: value * scale, height: thickness, fill: colour });
      x += value * scale;
      return part;
    });
    const middle = y + thickness / 2 + 4;
    return [
      text(row.label, { x: PAD, y: middle, size: 12 }),
      ...parts,
      text(`${sum(row).toFixed(1)} s`, { x: x + 8, y: middle, size: 12, weight: 600 }),
    ].join('\n');
  });
  return card(panel, [legend(panel.legend), ...rows]);
}

function rowPlace(
  { width, height }: Panel,
  { index, of, largest }: { readonly index: number; readonly of: number; readonly largest: number },
) {
  const step = (height - ROWS_FROM - FOOT) / of;
  const thickness = Math.min(LARGEST_BAR, step * 0.68);
  return {
    y: ROWS_FROM + index * step + (step - thickness) / 2,
    thickness,
    scale: (width - 2 * PAD - LABEL_WIDTH - VALUE_WIDTH) / largest,
  };
}

/** Value and note as one text, so that the note follows whatever the font makes of the value. */
function valueText({ shown, note }: Bar, x: number, y: number): string {
  const bold = note === undefined ? '' : element('tspan', { dx: 8, 'font-weight': 700, fill: '#0f766e' }, [note]);
  return element('text', { x, y, 'font-size': 12, fill: '#0f172a' }, [shown + bold]);
}

/** In the place of the subtitle. */
function legend(items: readonly LegendItem[]): string {
  let x = PAD;
  const written = items.map(({ label, colour }) => {
    const swatch = element('rect', { x, y: 38, width: 10, height: 10, rx: 2, fill: colour });
    const name = text(label, { x: x + 14, y: 47, size: 11, fill: GREY });
    x += LEGEND_ITEM_WIDTH + label.length * LEGEND_LETTER_WIDTH;
    return `${swatch}\n${name}`;
  });
  return written.join('\n');
}

function card({ width, height, title, subtitle, footnote }: Panel, content: readonly string[]): string {
  return [
    element('rect', { width, height, rx: 8, fill: '#ffffff', stroke: '#e2e8f0' }),
    text(title, { x: PAD, y: 29, size: 15, weight: 600 }),
    text(subtitle, { x: PAD, y: 47, size: 11, fill: GREY }),
    ...content,
    text(footnote, { x: PAD, y: height - 14, size: 11, fill: GREY }),
  ].join('\n');
}
