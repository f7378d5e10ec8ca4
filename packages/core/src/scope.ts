/**
 * A signal of its own that also aborts with another one, until it is ended. AbortSignal.any would leave something behind
 * on the other signal with every use, and some of those live as long as the process.
 */
export class Scope {
  private readonly controller = new AbortController();
  private readonly onOuter = () => this.controller.abort(this.outer.reason);

  constructor(private readonly outer: AbortSignal) {
    if (outer.aborted) this.controller.abort(outer.reason);
    else outer.addEventListener('abort', this.onOuter, { once: true });
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  end(): void {
    this.outer.removeEventListener('abort', this.onOuter);
    this.controller.abort();
  }
}
