import { configJsonSchema } from '@tidemark/core';
import type { CommandContext } from './context.js';

export async function checkConfigCommand(context: CommandContext): Promise<number> {
  const { config, configFile } = context;
  context.print(
    'check-config',
    { file: configFile, ok: true, pipeline: config.name },
    () => `${configFile}: ok, pipeline ${config.name}, ${config.destinations.length} destination(s)`,
  );
  return 0;
}

export async function schemaCommand(): Promise<number> {
  process.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
  return 0;
}
