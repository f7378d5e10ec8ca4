/** What is printed goes nowhere: the reader has gone, as in `tidemark journal cat | head -1`, or a disk is full. */
export class OutputEndedError extends Error {}

/** Of a pipe without a reader, and of whatever is written after that. */
const NO_READER = ['EPIPE', 'ERR_STREAM_DESTROYED'];

/** Stdout or stderr. A pipe takes 64 KiB at once; the rest waits in memory, and the end of the process would drop it. */
export class OutputStream {
  private failure: NodeJS.ErrnoException | null = null;

  constructor(private readonly stream: NodeJS.WritableStream) {
    // Without a listener, a reader that has gone would end the process with a stack trace.
    stream.on('error', (error: NodeJS.ErrnoException) => {
      this.failure ??= error;
    });
  }

  /** Resolves when everything that was written has left the process or cannot, with the reason unless nobody reads it. */
  async flush(): Promise<Error | null> {
    await new Promise<void>((resolve) => {
      this.stream.write('', () => resolve());
    });
    return NO_READER.includes(this.failure?.code ?? '') ? null : this.failure;
  }
}

/** Prints a part; resolves when the next one may follow, so that nothing piles up. @throws OutputEndedError */
export async function printPart(text: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const mayFollow = process.stdout.write(text, (error) => {
      if (error) reject(new OutputEndedError(error.message, { cause: error }));
      else resolve();
    });
    if (mayFollow) resolve();
  });
}
