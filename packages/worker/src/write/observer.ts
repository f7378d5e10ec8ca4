/** What is reported of transactions. Calls are cheap and never throw. */
export interface WriteObserver {
  /** One transaction was committed. */
  applied(transaction: { readonly puts: number; readonly deletes: number; readonly seconds: number }): void;
}
