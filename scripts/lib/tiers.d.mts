export interface Tier {
  readonly name: string;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly seconds: number;
  readonly minutes: number;
  readonly servers: boolean;
}

export const TIERS: readonly Tier[];

export function hasTests(tier: Tier): boolean;
