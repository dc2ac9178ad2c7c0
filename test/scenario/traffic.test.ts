import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadScenario } from '../../src/scenario/index.js';

const scenarios = fileURLToPath(new URL('../../../scenarios/', import.meta.url));
const MS = 1e6;
const S = 1e9;

describe('traffic in scenario files', () => {
  let folder = '';

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'towtank-'));
    cpSync(scenarios, folder, { recursive: true });
  });

  after(() => {
    rmSync(folder, { recursive: true });
  });

  function load(traffic: string, behaviour = '{ image: "nginx:*" }') {
    const path = join(folder, 'case.yaml');
    writeFileSync(
      path,
      `cluster:
  nodes: [{ count: 1, template: nodes/4cpu-16gi.yaml }]
manifests: hello/hello.yaml
behaviour: [${behaviour}]
traffic: [{ to: hello, ${traffic} }]
`,
    );
    return loadScenario(path);
  }

  const spec = (traffic: string) => load(traffic).traffic[0]!;

  it('reads calls between Services, and refuses a circle and a wrong name at their place', () => {
    const calls = (text: string) => load('rate: 5/s', `{ image: "nginx:*", request: { calls: ${text} } }`).behaviours[0]!.request.calls!;
    assert.equal(calls('[{ to: host/api.example.com }, [{ to: host/a, share: 25%, optional: true }, { to: host/b, count: 3 }]]').length, 2);
    const [, [first, second] = []] = calls('[{ to: host/x }, [{ to: host/a, share: 25%, optional: true }, { to: host/b, count: 3, timeout: 2s }]]');
    assert.deepEqual([first!.share, first!.optional, first!.count, first!.traffic.rate], [0.25, true, 1, 0]);
    assert.deepEqual([second!.share, second!.optional, second!.count, second!.traffic.timeout], [1, false, 3, 2 * S]);
    assert.throws(() => calls('[{ to: service/hello }]'), /expected calls that end somewhere, found a circle: hello → …/);
    assert.throws(() => calls('[{ to: service/helo }]'), /no Service is named default\/helo; did you mean "?hello"?\?/);
    assert.throws(() => calls('[{ to: service/hello, shar: 3% }]'), /unknown key "shar"; did you mean "share"\?/);
    assert.throws(() => calls('[{ to: ingress/hello }]'), /expected service\/NAME or host\/NAME/);
  });

  it('reads closed loops, bursts and profiles, with their mean rates', () => {
    assert.deepEqual(spec('rate: 5/s, arrivals: constant').arrivals, { kind: 'constant' });
    assert.equal(spec('rate: 5/s, arrivals: poisson').arrivals, undefined);
    const closed = spec('arrivals: { users: 20, think: 4s }');
    assert.deepEqual([closed.rate, closed.arrivals], [5, { kind: 'closed', users: 20, think: { kind: 'constant', value: 4 * S } }]);
    assert.equal(spec('arrivals: { bursts: [{ rate: 10/s, stay: 30s }, { rate: 100/s, stay: 10s }] }').rate, 32.5);
    const daily = spec('arrivals: { profile: [{ at: 6h, rate: 0/s }, { at: 18h, rate: 100/s }] }');
    assert.equal(daily.rate, 50);
  });

  it('mixed versions matter where clients are told apart', () => {
    assert.equal(spec('rate: 5/s, clients: 10, mixedVersionErrors: 2%').mixedVersionErrors, 0.02);
    assert.equal(spec('arrivals: { users: 20, think: 4s }, mixedVersionErrors: 100%').mixedVersionErrors, 1);
    assert.throws(() => spec('rate: 5/s, mixedVersionErrors: 2%'), /:5:35: expected only where clients are told apart: give "clients"/);
  });

  it('reads traces by timestamp, by number, and with counts', () => {
    writeFileSync(join(folder, 'stamps.csv'), 'TIMESTAMP,Tokens\n2023-11-16 23:59:59.5000000,1\n2023-11-17T00:00:01.25Z,2\n');
    const stamps = spec('arrivals: { trace: stamps.csv, time: TIMESTAMP }').arrivals!;
    assert.ok(stamps.kind === 'trace');
    assert.deepEqual(stamps.rows.map(({ count, slot }) => [count, slot]), [
      [1, 0],
      [1, 0],
    ]);
    assert.equal(stamps.rows[0]!.at, 0);
    assert.ok(Math.abs(stamps.rows[1]!.at - 1.75 * S) < 1000, `${stamps.rows[1]!.at}`);
    writeFileSync(join(folder, 'counts.csv'), 'minute,calls\n1,120\n2,0\n3,60\n');
    const counted = spec('arrivals: { trace: counts.csv, time: minute, unit: 1m, count: calls, speed: 2, repeat: true }');
    assert.deepEqual(counted.arrivals, {
      kind: 'trace',
      rows: [
        { at: 0, count: 120, slot: 30 * S },
        { at: 30 * S, count: 0, slot: 30 * S },
        { at: 60 * S, count: 60, slot: 30 * S },
      ],
      repeat: 90 * S,
    });
    assert.equal(counted.rate, 2);
  });

  it('names the place of a mistake in a trace', () => {
    writeFileSync(join(folder, 'bad.csv'), 'time,calls\n1,2\n2,many\n');
    assert.throws(() => spec('arrivals: { trace: bad.csv, count: calls }'), /bad\.csv:3:3: expected a number of requests, found "many"/);
    for (const [text, message] of [
      ['time\n1\n2,3\n', /bad\.csv:3:3: expected 1 field as in the first line, found 2/],
      ['time\n1e99\n', /bad\.csv:2:1: expected a time, found "1e99"/],
      ['time\n1\nx\n', /bad\.csv:3:1: expected a time, found "x"/],
      ['time\n2023-11-16 18:17:03\n2023-13-16 18:17:04\n', /bad\.csv:3:1: expected a time, found "2023-13-16/],
      ['time\n2023-02-29 18:17:03\n', /bad\.csv:2:1: expected a time/],
      ['time\n2023-02-28 24:00:00\n', /bad\.csv:2:1: expected a time/],
      ['time\n"1\n', /bad\.csv:2:1: a quote is not closed/],
      ['time\n', /bad\.csv holds no arrivals/],
    ] as const) {
      writeFileSync(join(folder, 'bad.csv'), text);
      assert.throws(() => spec('arrivals: { trace: bad.csv }'), message);
    }
    writeFileSync(join(folder, 'leap.csv'), 'time\n2024-02-29 23:59:59\n2024-03-01 00:00:00\n');
    const leap = spec('arrivals: { trace: leap.csv }').arrivals!;
    assert.ok(leap.kind === 'trace' && leap.rows[1]!.at === S);
    // A trace that is over at once is no reason to simulate a part of the pods only.
    writeFileSync(join(folder, 'one.csv'), 'time\n5\n');
    const one = load('arrivals: { trace: one.csv }');
    assert.equal(one.findings!.some(({ message }) => message.includes('million requests')), false);
    assert.equal(one.traffic[0]!.rate, 1);
    assert.equal(spec(`arrivals: { trace: ${join(folder, 'one.csv')} }`).rate, 1, 'an absolute path');
    writeFileSync(join(folder, 'bad.csv'), 'time,calls\n1,2\n2,many\n');
    assert.throws(() => spec('arrivals: { trace: bad.csv, count: callz }'), /bad\.csv has no column "callz"; did you mean "calls"\?/);
    assert.throws(() => spec('arrivals: { trace: none.csv }'), /case\.yaml:5:\d+: /);
    assert.throws(() => spec('arrivals: { users: 2, trace: bad.csv }'), /expected one of users, bursts, profile, trace, found users and trace/);
    assert.throws(() => spec('arrivals: { users: 2, speed: 2 }'), /expected "speed" only together with "trace"/);
    assert.throws(() => spec('rate: 5/s, arrivals: { users: 2 }'), /expected no rate beside a map of arrivals/);
  });

  it('reads balancing, retries, hedging and circuit breaking with their defaults', () => {
    const traffic = spec(
      'rate: 5/s, balancing: powerOfTwo, cancels: true, retries: { maximum: 2, budget: 20% }, hedge: { after: 50ms }, breaker: { consecutiveErrors: 5 }',
    );
    assert.deepEqual(
      [traffic.balancing, traffic.cancels, traffic.retries, traffic.hedge, traffic.breaker],
      [
        'powerOfTwo',
        true,
        { maximum: 2, backOff: { base: 25 * MS, maximum: 250 * MS }, budget: { share: 0.2, minimumRate: 10 } },
        { after: 50 * MS, maximum: 1 },
        { consecutiveErrors: 5, ejection: 30 * S, maximumEjected: 0.1 },
      ],
    );
  });

  it('reads what a bad version does', () => {
    const { behaviours } = load(
      'rate: 5/s',
      '{ image: "nginx:*", memory: { base: 64Mi, leakPerSecond: 1Mi }, request: { slower: 3, warmUp: { factor: 5, time: 20s }, overload: { above: 10, errors: 50% }, processor: { cores: 2 } } }',
    );
    const [{ request, memory }] = behaviours as [(typeof behaviours)[0]];
    assert.deepEqual(memory, { base: 64 * 1048576, leakPerSecond: 1048576 });
    assert.deepEqual(
      [request.slower, request.warmUp, request.overload, request.processor],
      [3, { factor: 5, time: 20 * S }, { above: 10, errors: 0.5 }, { cores: 2 }],
    );
  });
});
