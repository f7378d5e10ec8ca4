import { expect, it } from 'vitest';
import { toJSONSchema } from 'zod';
import { endpoints, openapiDocument } from '../src/index.js';
import { documentSchema } from '../src/paths.js';

const document = openapiDocument('1.2.3');

/** Every `$ref` in a JSON value. */
function references(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, each]) =>
    name === '$ref' && typeof each === 'string' ? [each] : references(each),
  );
}

it('is a document, also after it was sent', () => {
  expect(documentSchema.parse(JSON.parse(JSON.stringify(document)))).toEqual(JSON.parse(JSON.stringify(document)));
  expect(document).toMatchObject({ openapi: '3.1.1', info: { version: '1.2.3' } });
});

it('holds every endpoint, and nothing else', () => {
  const described = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(described.sort()).toEqual([...new Set(endpoints().map(({ method, path }) => `${method} ${path}`))].sort());
});

it('refers to schemas that it holds, and holds none that nothing refers to', () => {
  const names = Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`);
  expect([...new Set(references(document))].sort()).toEqual(names.sort());
});

it('says of each path which parts of it are parameters', () => {
  for (const { path, params } of endpoints()) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    expect(Object.keys(toJSONSchema(params).properties ?? {})).toEqual(named);
  }
});

it('leaves objects open, so that more may be added', () => {
  const closed = JSON.stringify(document.components.schemas['PipelineStatus']);
  expect(closed).not.toContain('additionalProperties');
});

it('describes both answers of status', () => {
  expect(document.paths['/v1/status']).toMatchObject({
    get: {
      parameters: [{ name: 'scope', in: 'query', required: false, schema: { const: 'node' } }],
      responses: {
        200: {
          content: {
            'application/json': {
              schema: {
                anyOf: [{ $ref: '#/components/schemas/NodeStatus' }, { $ref: '#/components/schemas/PipelineStatus' }],
              },
            },
          },
        },
      },
    },
  });
});
