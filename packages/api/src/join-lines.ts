/** Lines of UTF-8 text that comes in pieces. The last one may lack its line end. */
export async function* joinLines(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  // The pieces of the line that has not ended yet. They are joined once: a record may come in a hundred of them.
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
