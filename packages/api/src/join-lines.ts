/** Lines of UTF-8 text that comes in pieces; a last one without an end counts. */
export async function* joinLines(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  // Of the line that has not ended yet: joined once, as a record may have come in a hundred pieces.
  let parts: string[] = [];
  for await (const piece of pieces) {
    const [first = '', ...lines] = decoder.decode(piece, { stream: true }).split('\n');
    parts.push(first);
    for (const line of lines) {
      yield parts.join('');
      parts = [line];
    }
  }
  const last = parts.join('') + decoder.decode();
  if (last !== '') yield last;
}
