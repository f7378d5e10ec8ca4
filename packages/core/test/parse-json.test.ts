import { expect, it } from 'vitest';
import { parseJson, positionSchema } from '../src/index.js';

it.each([
  ['what its schema describes', '{"generation":1,"revision":7}', { generation: 1, revision: 7 }],
  ['without what a later version may add', '{"generation":1,"revision":7,"more":true}', { generation: 1, revision: 7 }],
  ['nothing, where there is none', null, null],
  ['nothing, where a text is no JSON', 'generation 1', null],
  ['nothing, where a text has another form', '{"generation":"1","revision":7}', null],
])('reads %s', (_, text, fact) => {
  expect(parseJson(positionSchema, text)).toEqual(fact);
});
