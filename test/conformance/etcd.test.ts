import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareEtcdRecording } from '../../src/conformance/etcd.js';
import { extremesBand, kolmogorovSmirnov, leaderKills, outageFigures, tickLaw } from '../../src/conformance/etcd-elections.js';
import { comparePublished, ETCD_2_2, PERFORMANCE_PAGE } from '../../src/conformance/etcd-published.js';
import { PAPER_ROWS, paperElections, paperTrialsWithoutLeader } from '../../src/conformance/raft-paper.js';
import { MILLISECOND, SECOND } from '../../src/kernel/time.js';
import { finishProfile, readProfile } from '../../src/scenario/profile.js';
import type { CostProfile } from '../../src/scenario/types.js';

const RECORDING = new URL('../../../test/data/etcd/real-runs.json.gz', import.meta.url).pathname;

function profile(name: string): CostProfile {
  const complain = (message: string) => {
    throw new Error(message);
  };
  return finishProfile(readProfile(name, '.', complain), undefined, complain);
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

test('one profile gives every row of the etcd performance page within 10 %', () => {
  for (const { row, error } of comparePublished(profile('gce-2017-pd-ssd'), PERFORMANCE_PAGE)) {
    assert.ok(Math.abs(error) < 0.1, `${row.name}: ${(error * 100).toFixed(1)} %`);
  }
});

test("with another disk, two cores and the leader's fsync first it gives etcd 2.2's writes within 25 %", () => {
  for (const { row, error } of comparePublished(profile('gce-2015-2vcpu'), ETCD_2_2)) {
    assert.ok(Math.abs(error) < 0.25, `${row.name}: ${(error * 100).toFixed(1)} %`);
  }
});

test('calibrated from 1 and 1,000 clients it predicts the recordings at 10 and 100', () => {
  const { rows, lines, exitCode } = compareEtcdRecording(RECORDING);
  assert.equal(rows.length, 18);
  assert.equal(exitCode, 0, lines.join('\n'));
  assert.match(lines[lines.length - 1]!, /^etcd: rows in range \d+\/18, worst \d+\.\d %$/);
});

test('a file that is no recording is refused', () => {
  assert.equal(compareEtcdRecording('/nowhere.json').exitCode, 2);
});

/** Both laws: with etcd's CheckQuorum followers stick to a leader they heard from, without it the plain law of ticks holds. */
test('outages after a leader kill follow the ticks of the followers, with and without leader stickiness', () => {
  for (const [members, heartbeatInterval, electionTimeout] of [
    [3, 100 * MILLISECOND, SECOND],
    [5, 100 * MILLISECOND, SECOND],
    [3, 10 * MILLISECOND, 100 * MILLISECOND],
  ] as const) {
    const study = { members, heartbeatInterval, electionTimeout, kills: 4000, seed: 'kills' };
    for (const checkQuorum of [true, false]) {
      const simulated = outageFigures(leaderKills({ ...study, checkQuorum }));
      const law = outageFigures(tickLaw({ ...study, kills: 20_000 }, 1.2 * MILLISECOND, checkQuorum));
      simulated.forEach((value, i) => {
        const ratio = value / law[i]!;
        assert.ok(Math.abs(ratio - 1) < 0.02, `${members} members, CheckQuorum ${checkQuorum}, figure ${i}: ${ratio}`);
      });
    }
  }
});

test('without stickiness the law is the published one: 991/1151/1192/1361/1768 ms', () => {
  const law = tickLaw(
    { members: 3, heartbeatInterval: 100 * MILLISECOND, electionTimeout: SECOND, kills: 20_000, seed: 'law' },
    1.2 * MILLISECOND,
    false,
  );
  const published = [991, 1151, 1361, 1768];
  [0.25, 0.5, 0.75, 0.99].forEach((q, i) => {
    assert.ok(Math.abs(law[Math.floor(q * law.length)]! / (published[i]! * MILLISECOND) - 1) < 0.015);
  });
  assert.ok(Math.abs(mean(law) / (1192 * MILLISECOND) - 1) < 0.015);
});

test('the Kolmogorov-Smirnov test accepts samples of one law and refuses another', () => {
  const grid = (shift: number) => Float64Array.from({ length: 200 }, (_, i) => i / 200 + shift);
  assert.ok(kolmogorovSmirnov(grid(0), grid(0.001)).p > 0.99);
  assert.ok(kolmogorovSmirnov(grid(0), grid(0.3)).p < 1e-6);
  const [least, greatest] = extremesBand(grid(0), 20);
  assert.ok(least[0] < 0.01 && least[1] > 0.1 && greatest[0] < 0.9 && greatest[1] > 0.99);
});

test("the Raft paper's election experiment", () => {
  for (const row of PAPER_ROWS) {
    const times = paperElections({ minimum: row.minimum, spread: row.spread, trials: 1000, seed: 'paper' });
    const check = (value: number, published: number | undefined, tolerance: number, what: string) => {
      if (published === undefined) return;
      assert.ok(
        Math.abs(value / published - 1) < tolerance,
        `${row.name} ${what}: ${value / MILLISECOND} ms, paper ${published / MILLISECOND} ms`,
      );
    };
    check(times[500]!, row.median, 0.15, 'median');
    check(mean(times), row.mean, 0.15, 'mean');
    check(times[999]!, row.worst, 0.3, 'worst');
  }
  assert.ok(paperTrialsWithoutLeader(50, 'paper') > 25);
});
