import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Every example of docs/engine.md is run as it stands; what it says must be what its closing comments say. */
const doc = readFileSync(new URL('../../../docs/engine.md', import.meta.url), 'utf8');
const examples = [...doc.matchAll(/```js run\n([\s\S]*?)```/g)].map((match) => match[1]!);
const folder = fileURLToPath(new URL('./engine-doc-examples/', import.meta.url));

const rooms: Record<string, string> = {
  kernel: '../../../src/kernel/index.js',
  random: '../../../src/random/index.js',
  stats: '../../../src/stats/index.js',
};

test('there are examples', () => assert.ok(examples.length >= 6));

for (const [index, example] of examples.entries()) {
  const lines = example.trimEnd().split('\n');
  let first = lines.length;
  while (first > 0 && lines[first - 1]!.startsWith('//')) first--;
  const expected = lines.slice(first).map((line) => line.slice(3));
  test(`example ${index + 1} says ${expected[0]}`, async () => {
    mkdirSync(folder, { recursive: true });
    const file = join(folder, `example-${index + 1}.mjs`);
    const code = lines
      .slice(0, first)
      .join('\n')
      .replace(/'towtank\/(\w+)'/g, (_, room: string) => `'${rooms[room]!}'`);
    writeFileSync(
      file,
      `const said = [];\nconst say = (what) => said.push(String(what));\n${code}\nexport { said };\n`,
    );
    try {
      const { said } = (await import(pathToFileURL(file).href)) as { said: string[] };
      assert.ok(expected.length > 0, 'an example shows what it says');
      assert.deepEqual(said, expected);
    } finally {
      rmSync(file);
    }
  });
}
