import { expect } from 'vitest';
import * as z from 'zod';

/** Reads an OpenAPI document as somebody does who knows nothing else of the API. */

const jsonSchema = z.record(z.string(), z.json());
type JsonSchema = z.output<typeof jsonSchema>;

const contentSchema = z.record(z.string(), z.strictObject({ schema: jsonSchema, example: z.json().optional() }));

const operationSchema = z.strictObject({
  operationId: z.string(),
  summary: z.string(),
  security: z.json().optional(),
  parameters: z.array(
    z.strictObject({
      name: z.string(),
      in: z.enum(['path', 'query']),
      required: z.boolean(),
      description: z.string().optional(),
      schema: jsonSchema,
    }),
  ),
  requestBody: z.strictObject({ content: contentSchema }).optional(),
  responses: z.record(z.string(), z.strictObject({ description: z.string(), content: contentSchema })),
});

const documentSchema = z.strictObject({
  openapi: z.literal('3.1.1'),
  info: z.object({ title: z.string(), version: z.string() }),
  paths: z.record(z.string(), z.record(z.enum(['get', 'post']), operationSchema.optional())),
  components: z.strictObject({ schemas: z.record(z.string(), jsonSchema), securitySchemes: z.json() }),
});

export class Description {
  readonly operations: readonly Described[];

  constructor(text: string) {
    const { paths, components } = documentSchema.parse(JSON.parse(text));
    this.operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, operation]) =>
        operation === undefined
          ? []
          : [new Described(method.toUpperCase(), path, { operation, schemas: components.schemas })],
      ),
    );
  }

  operation(name: string): Described {
    const found = this.operations.find((each) => each.name === name);
    if (found === undefined) throw new Error(`the document has no ${name}`);
    return found;
  }
}

/** One method of one path. */
export class Described {
  constructor(
    readonly method: string,
    readonly path: string,
    private readonly said: {
      readonly operation: z.output<typeof operationSchema>;
      readonly schemas: Readonly<Record<string, JsonSchema>>;
    },
  ) {}

  get name(): string {
    return `${this.method} ${this.path}`;
  }

  get takesBody(): boolean {
    return this.said.operation.requestBody !== undefined;
  }

  expectRequest(body: unknown): void {
    const { schema, example } = this.said.operation.requestBody?.content['application/json'] ?? {};
    if (schema === undefined) throw new Error(`${this.name} takes no body`);
    this.expectForm(schema, body);
    this.expectForm(schema, example);
  }

  /** That status, media type and body are documented. */
  expectResponse(response: Response, text: string): void {
    const type = response.headers.get('content-type')?.replace(/;.*$/, '') ?? '';
    const schema = this.said.operation.responses[response.status]?.content[type]?.schema;
    if (schema === undefined) throw new Error(`${this.name}: ${response.status} with ${type} is not documented`);
    if (type.startsWith('text/')) this.expectForm(schema, text);
    else if (type === 'application/x-ndjson') {
      for (const line of text.split('\n').filter((each) => each !== '')) this.expectForm(schema, JSON.parse(line));
    } else this.expectForm(schema, JSON.parse(text));
  }

  /** The same of a problem; returns its code, which is documented as well. */
  expectProblem(response: Response, text: string): string {
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    this.expectResponse(response, text);
    const { code } = z.object({ code: z.string() }).parse(JSON.parse(text));
    expect(this.said.operation.responses[response.status]?.description.split(', ')).toContain(code);
    return code;
  }

  private expectForm(schema: JsonSchema, value: unknown): void {
    const defs = Object.fromEntries(Object.entries(this.said.schemas).map(([name, each]) => [name, closed(each)]));
    const { error } = z.fromJSONSchema({ ...closed(schema), $defs: defs }).safeParse(value);
    const shown = error && `${this.name}: ${z.prettifyError(error)}\nin ${JSON.stringify(value)?.slice(0, 2_000)}`;
    expect(shown).toBeUndefined();
  }
}

/** The same schema, of objects without anything that it does not name: what is sent has to be documented. */
function closed(schema: JsonSchema): JsonSchema {
  const inner = Object.entries(schema).map(([name, value]): [string, z.core.util.JSONType] => {
    if (name === '$ref' && typeof value === 'string') return [name, value.replace('#/components/schemas/', '#/$defs/')];
    return [name, closedValue(value)];
  });
  const isObject = 'properties' in schema && !('additionalProperties' in schema);
  return { ...Object.fromEntries(inner), ...(isObject && { additionalProperties: false }) };
}

function closedValue(value: z.core.util.JSONType): z.core.util.JSONType {
  if (Array.isArray(value)) return value.map(closedValue);
  return typeof value === 'object' && value !== null ? closed(value) : value;
}
