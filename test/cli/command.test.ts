import { strict as assert } from 'node:assert';
import { accessSync, constants, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

/** The root of the project, seen from the built test. */
const root = join(import.meta.dirname, '../../..');

test('the command that package.json names can be executed after any build, as npx makes it so only once', () => {
  const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { bin: { towtank: string } };
  const command = join(root, bin.towtank);
  accessSync(command, constants.X_OK);
  assert.match(readFileSync(command, 'utf8'), /^#!\/usr\/bin\/env .*node/);
});
