/** What a provider gives to whoever starts a server or a cluster. */
export interface Site {
  /** Empty, and for this server alone; removed when the provider is disposed of. */
  readonly directory: string;
  /** Runs when the provider is disposed of, or at once when the start fails. */
  readonly atEnd: (cleanUp: () => Promise<void>) => void;
}
