/** One SVG element. Numbers are cut to what a screen can show. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  children: readonly string[] = [],
): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(attribute(value))}"`);
  const body = children.filter(Boolean).join('\n');
  return body === '' ? `<${name}${written.join('')}/>` : `<${name}${written.join('')}>${body}</${name}>`;
}

export interface TextStyle {
  readonly x: number;
  readonly y: number;
  readonly size?: number;
  readonly weight?: number;
  readonly fill?: string;
  readonly anchor?: 'start' | 'end';
}

export function text(content: string, style: TextStyle): string {
  const { x, y, size = 13, weight = 400, fill = '#0f172a', anchor = 'start' } = style;
  const attributes = { x, y, 'font-size': size, 'font-weight': weight, fill, 'text-anchor': anchor };
  return element('text', attributes, [escaped(content)]);
}

function attribute(value: string | number): string {
  return typeof value === 'number' ? String(Number(value.toFixed(1))) : value;
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
