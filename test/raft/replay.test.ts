import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { replayRaftDirectory, replayRaftRecording } from '../../src/conformance/raft.js';
import { parseLine, readRecording } from '../../src/conformance/raft-recording.js';
import { APPEND_THREAD, APPLY_THREAD } from '../../src/raft/index.js';

const DATA = join('test', 'data', 'raft');
const STEADY = join(DATA, '02-steady3-s1100.ndjson.gz');

/** The recording with one line changed by this function. */
function tampered(change: (line: string) => string): string[] {
  const lines = readRecording(STEADY);
  const at = lines.findIndex((line) => change(line) !== line);
  assert.ok(at > 0, 'the change must concern some step');
  lines[at] = change(lines[at]!);
  return lines;
}

describe('replay of recordings of etcd raft', () => {
  it('matches every step of every family', () => {
    const { lines, exitCode } = replayRaftDirectory(DATA);
    assert.deepEqual(lines, ['raft: files 20/20 steps 9791/9791']);
    assert.equal(exitCode, 0);
  });

  const CHANGES: readonly [string, RegExp, string][] = [
    ['a draw that does not happen', /"op":"tick","n":2,"st"/, '"op":"tick","n":2,"rnd":[3],"st"'],
    ['an election timeout', /"rnd":\[2\],"st"/, '"rnd":[3],"st"'],
    ['a message field', /"lt":1,"i":2,"c":2/, '"lt":1,"i":2,"c":1'],
    ['a message more', /"out":\[(\{[^}]*\})\]/, '"out":[$1,$1]'],
    ['a hard state', /"hs":\[2,2,2\]/, '"hs":[2,1,2]'],
    ['a soft state', /"ss":\[2,2\]/, '"ss":[2,1]'],
    ['an entry to persist', /"ents":\[\[2,3,0,0\]\]/, '"ents":[[2,3,0,1]]'],
    ['a committed entry', /"com":\[\[2,3,0,0\]/, '"com":[[2,3,1,0]'],
    ['an error', /,"err":"dropped"/, ''],
    ['a node state', /"st":\[2,2,3,/, '"st":[2,2,4,'],
    ['progress', /"pr":\{"2":\[3,4,1/, '"pr":{"2":[3,5,1'],
    ['whether a Ready waits', /,"hr":1/, ''],
    ['must-sync', /"sync":1,/, ''],
  ];
  for (const [what, pattern, replacement] of CHANGES) {
    it(`notices ${what}`, () => {
      const lines = tampered((line) => line.replace(pattern, replacement));
      const { difference, matched, steps } = replayRaftRecording(lines);
      assert.ok(difference.length >= 2, 'both sides are shown');
      assert.match(difference[0]!, /^ {2}step \d+ /);
      assert.ok(matched < steps);
    });
  }

  it('shows the first difference of each file with both sides and exits 1', () => {
    const folder = mkdtempSync(join(tmpdir(), 'raft-replay-'));
    try {
      const lines = tampered((line) => line.replace('"hs":[2,2,2]', '"hs":[2,1,2]'));
      writeFileSync(join(folder, 'a.ndjson'), `${lines.join('\n')}\n`);
      writeFileSync(join(folder, 'b.ndjson'), `${readRecording(STEADY).join('\n')}\n`);
      const result = replayRaftDirectory(folder);
      assert.equal(result.exitCode, 1);
      assert.deepEqual(result.lines.slice(1, 4), [
        '  step 42 ready on node 2',
        '    hs expected: [2,1,2]',
        '    hs actual:   [2,2,2]',
      ]);
      assert.match(result.lines.at(-1)!, /^raft: files 1\/2 steps \d+\/\d+$/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('refuses a folder without recordings and a file of another format', () => {
    assert.equal(replayRaftDirectory(join('test', 'data', 'raft', 'nowhere')).exitCode, 2);
    assert.equal(replayRaftDirectory(join('src', 'raft')).exitCode, 2);
    assert.equal(replayRaftDirectory('package.json').exitCode, 2);
    assert.throws(() => replayRaftRecording(['{"fmt":"other"}']), /raft-golden/);
  });

  it('keeps the two storage threads apart although doubles cannot', () => {
    assert.deepEqual(parseLine('{"a":18446744073709551615,"b":18446744073709551614}'), {
      a: APPEND_THREAD,
      b: APPLY_THREAD,
    });
  });
});
