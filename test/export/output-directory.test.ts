import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileName, writeOutputs } from '../../src/export/files.js';
import { checkOutput, OutputDirectory, OutputError, toOutputError } from '../../src/export/output-directory.js';
import { toJson } from '../../src/export/summary.js';
import { sampleResults } from '../report/sample.js';

let root = '';
before(() => {
  root = mkdtempSync(join(tmpdir(), 'towtank-output-'));
});
after(() => rmSync(root, { recursive: true, force: true }));

const HEADER = { toolVersion: '0.1.0', scenarioHash: 'abc' };

test('writes everything or nothing', () => {
  const path = join(root, 'whole');
  const directory = new OutputDirectory(path);
  directory.write('summary.json', '{}');
  assert.ok(!existsSync(path), 'nothing before commit');
  directory.commit();
  directory.discard();
  assert.deepEqual(readdirSync(path), ['summary.json']);

  const broken = new OutputDirectory(join(root, 'broken'));
  const failing = function* (): Generator<string> {
    yield 'first part';
    throw Object.assign(new Error('write'), { code: 'ENOSPC' });
  };
  assert.throws(
    () => broken.write('a.csv', failing()),
    (error: unknown) => {
      assert.ok(error instanceof OutputError);
      assert.equal(error.code, 'ENOSPC');
      assert.match(error.message, /^cannot write .*broken.a\.csv: no space left on the device$/);
      return true;
    },
  );
  assert.deepEqual(readdirSync(root), ['whole'], 'no temporary directory is left');
});

test('a process that exits half-way leaves nothing', () => {
  const module = new URL('../../src/export/output-directory.js', import.meta.url).href;
  const code = `import { OutputDirectory } from '${module}';
    const directory = new OutputDirectory(process.argv[1]);
    directory.open('a.csv').append('half');
    process.on('SIGTERM', () => process.exit(130));
    process.kill(process.pid, 'SIGTERM');
    setTimeout(() => {}, 10_000);`;
  const folder = join(root, 'signals');
  mkdirSync(folder);
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', code, join(folder, 'out')], {
    encoding: 'utf8',
  });
  assert.equal(child.status, 130, child.stderr);
  assert.deepEqual(readdirSync(folder), []);
});

test('replaces an earlier output and refuses other directories and files', () => {
  const path = join(root, 'again');
  for (const content of ['1', '2']) {
    const directory = new OutputDirectory(path);
    directory.write('summary.json', content);
    directory.commit();
  }
  assert.equal(readFileSync(join(path, 'summary.json'), 'utf8'), '2');

  const foreign = join(root, 'foreign');
  mkdirSync(foreign);
  writeFileSync(join(foreign, 'thesis.txt'), 'precious');
  assert.throws(
    () => new OutputDirectory(foreign),
    /will not replace .*foreign: it holds files that are not an earlier output/,
  );
  assert.throws(() => new OutputDirectory(join(foreign, 'thesis.txt')), /a file with this name is in the way/);
  assert.throws(
    () => new OutputDirectory(join(foreign, 'thesis.txt', 'out')),
    (error: unknown) => {
      assert.ok(error instanceof OutputError);
      assert.match(error.message, /a part of the path is not a directory/);
      return true;
    },
  );
});

test('a path can be checked before a long run, without a trace', () => {
  const deep = join(root, 'a', 'b', 'c');
  checkOutput(deep);
  assert.ok(!existsSync(join(root, 'a')), 'directories made for it are gone');
  writeFileSync(join(root, 'plain'), '');
  assert.throws(() => checkOutput(join(root, 'plain')), /a file with this name is in the way/);
});

test('an error that is not of the file system stays itself', () => {
  const bug = new TypeError('undefined is not a function');
  assert.equal(toOutputError(bug, 'x'), bug);
});

test('results of a comparison as files, the same bytes each time', () => {
  const results = sampleResults();
  const paths = [join(root, 'one'), join(root, 'two')];
  for (const path of paths)
    writeOutputs(path, results, HEADER, { csv: true, parquet: true }, [{ name: 'report.html', content: '<p>' }]);
  const [one, two] = paths as [string, string];
  const names = readdirSync(one).sort();
  assert.deepEqual(readdirSync(two).sort(), names);
  for (const name of names) assert.deepEqual(readFileSync(join(one, name)), readFileSync(join(two, name)), name);
  assert.ok(
    names.includes('blue-green.pods.csv') && names.includes('canary.pods.parquet') && names.includes('report.html'),
  );
  const summary = JSON.parse(readFileSync(join(one, 'summary.json'), 'utf8'));
  assert.deepEqual(summary.met, ['ramped', 'blue-green', 'canary']);
  assert.deepEqual(Object.keys(summary.runs), ['recreate', 'ramped', 'blue-green', 'canary']);

  writeOutputs(join(root, 'single'), results.slice(0, 1), HEADER, { csv: true, parquet: false });
  assert.ok(readdirSync(join(root, 'single')).includes('pods.csv'));
});

test('a number that JSON cannot hold is an error', () => {
  assert.throws(() => toJson({ share: Number.NaN }), /share is NaN/);
  assert.equal(toJson({ b: 1, a: [null, 2] }), '{\n  "b": 1,\n  "a": [\n    null,\n    2\n  ]\n}\n');
});

test('names of runs become safe file names', () => {
  assert.equal(fileName('blue/green 25%'), 'blue-green-25-');
  assert.equal(fileName('../../etc'), 'etc');
  assert.equal(fileName('…'), 'run');
});
