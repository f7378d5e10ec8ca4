export function parseNodes(args: readonly string[]): { nodes: string[]; rest: string[] };

export function isOfVersion(exact: string, version: string): boolean;

export function npmReason(output: string): string;
