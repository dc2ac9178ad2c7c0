import { EtcdCluster } from '../etcd/index.js';
import { Simulation } from '../kernel/simulation.js';
import { type Duration, MICROSECOND, MILLISECOND } from '../kernel/time.js';
import { Network } from '../network/network.js';
import type { DistributionSpec } from '../random/distribution.js';
import { exp, pow } from '../random/portable.js';
import { Randomness } from '../random/stream.js';
import type { CostProfile } from '../scenario/types.js';

/** Leader kills: how long until another member leads. */
export interface LeaderKillStudy {
  readonly members: number;
  readonly heartbeatInterval: Duration;
  readonly electionTimeout: Duration;
  readonly kills: number;
  readonly seed: string;
  /** Without CheckQuorum followers do not stick to a leader they heard from. Absent: as etcd, with it. */
  readonly checkQuorum?: boolean;
}

/** A quiet machine: elections are made of ticks, not of work. */
const COSTS: CostProfile['etcd'] = {
  fsync: { kind: 'lognormal', median: 200 * MICROSECOND, sigma: 0.3 },
  backendCommit: { kind: 'constant', value: 0 },
  cores: 2,
  requestCpu: 20 * MICROSECOND,
  readyCpu: 10 * MICROSECOND,
  entryCpu: 3 * MICROSECOND,
  messageCpu: 5 * MICROSECOND,
  applyCpu: 10 * MICROSECOND,
  rangeCpu: 10 * MICROSECOND,
  watchEventCpu: 0,
};
const ROUND_TRIP: DistributionSpec = { kind: 'lognormal', median: 200 * MICROSECOND, sigma: 0.3 };

/** Kills the leader of a fresh cluster at a random instant, `kills` times; returns the ascending outages in nanoseconds. */
export function leaderKills(study: LeaderKillStudy): Float64Array {
  const outages = new Float64Array(study.kills);
  for (let i = 0; i < study.kills; i++) outages[i] = oneKill(study, i);
  return outages.sort();
}

function oneKill(study: LeaderKillStudy, number: number): Duration {
  const simulation = new Simulation();
  const randomness = new Randomness(`${study.seed}/${number}`);
  const network = new Network(simulation, randomness, {
    sameHost: ROUND_TRIP,
    sameZone: ROUND_TRIP,
    crossZone: ROUND_TRIP,
    external: ROUND_TRIP,
    bytesPerSecond: 1.25e9,
  });
  const hosts: number[] = [];
  for (let i = 0; i < study.members; i++) hosts.push(network.addHost(`member-${i}`, 'a'));
  const { heartbeatInterval, electionTimeout } = study;
  const zones = hosts.map(() => 'a');
  const spec = {
    members: hosts.length,
    heartbeatInterval,
    electionTimeout,
    quotaBackendBytes: 2 ** 31,
    snapshotCount: 10_000,
    zones,
  };
  const { checkQuorum = true } = study;
  const cluster = new EtcdCluster({ simulation, network, randomness, spec, costs: COSTS, hosts, checkQuorum });
  cluster.warmStart();
  // Some heartbeats first, then an instant anywhere between two of them.
  simulation.run(Math.round((SETTLING_HEARTBEATS + randomness.stream('kill').next()) * heartbeatInterval));
  const killed = simulation.now;
  cluster.fail(0);
  while (cluster.leader === undefined) simulation.step();
  return simulation.now - killed;
}

const SETTLING_HEARTBEATS = 5;

/**
 * The tick law of an outage, drawn by itself: the first follower whose own ticks (random phase, a random number of them from
 * the election timeout to one less than twice it) since the last heartbeat (of random age) have run out campaigns; the vote
 * takes `rounds` (pre-vote and vote). Ascending, nanoseconds.
 *
 * `sticky` adds what CheckQuorum does: a member that heard from the leader less than an election timeout ago, by its own ticks,
 * ignores the campaign. A campaign at the earliest tick is lost when others' ticks come later (3 members: one outage in twelve,
 * 45 ms on average).
 */
export function tickLaw(study: LeaderKillStudy, rounds: Duration, sticky: boolean): Float64Array {
  const stream = new Randomness(study.seed).stream('tick-law');
  const ticks = Math.round(study.electionTimeout / study.heartbeatInterval);
  const outages = new Float64Array(study.kills);
  const followers = study.members - 1;
  const needed = sticky ? Math.floor(study.members / 2) : 0;
  for (let i = 0; i < study.kills; i++) {
    const age = stream.next();
    const phases: number[] = [];
    const timeouts: number[] = [];
    for (let follower = 0; follower < followers; follower++) {
      phases.push(stream.next());
      timeouts.push(ticks + stream.integer(ticks));
    }
    outages[i] = (firstElection(phases, timeouts, ticks, needed) - age) * study.heartbeatInterval + rounds;
  }
  return outages.sort();
}

/** When the first campaign finds enough votes, in ticks since the last heartbeat. */
function firstElection(phases: readonly number[], timeouts: readonly number[], ticks: number, needed: number): number {
  const campaigns = phases.map((phase, follower) => phase + timeouts[follower]! - 1);
  const free = phases.map(() => false);
  for (;;) {
    const at = Math.min(...campaigns);
    const candidate = campaigns.indexOf(at);
    let votes = 0;
    for (let other = 0; other < phases.length; other++) {
      const heard = Math.floor(at - phases[other]!) + 1;
      if (other !== candidate && (free[other]! || heard >= ticks)) votes++;
    }
    if (votes >= needed) return at;
    // Without a leader in its mind it no longer refuses others, and tries again after as many ticks.
    free[candidate] = true;
    campaigns[candidate] = at + timeouts[candidate]!;
  }
}

/** Recorded leader kills of a real cluster. */
export interface RecordedKills {
  readonly heartbeat_ms: number;
  readonly election_ms: number;
  readonly members: number;
  readonly raw: readonly { readonly leader_ms: number }[];
}

/** The simulated and the recorded outages of one configuration, and the tick law, as lines to print. */
export function leaderKillLines(name: string, recorded: RecordedKills): string[] {
  const study: LeaderKillStudy = {
    members: recorded.members,
    heartbeatInterval: recorded.heartbeat_ms * MILLISECOND,
    electionTimeout: recorded.election_ms * MILLISECOND,
    kills: KILLS,
    seed: name,
  };
  const simulated = leaderKills(study);
  const free = leaderKills({ ...study, checkQuorum: false });
  const law = tickLaw(study, VOTE_ROUNDS, false);
  const sticky = tickLaw(study, VOTE_ROUNDS, true);
  const real = Float64Array.from(recorded.raw, (kill) => kill.leader_ms * MILLISECOND).sort();
  const { d, p } = kolmogorovSmirnov(simulated, real);
  const [low, high] = extremesBand(simulated, real.length);
  const inside =
    real[0]! >= low[0] && real[0]! <= low[1] && real[real.length - 1]! >= high[0] && real[real.length - 1]! <= high[1];
  return [
    `leader kill ${name}: ms to a new leader   p25 / p50 / mean / p75 / p99`,
    `  simulated, ${KILLS} kills          ${quantileText(simulated)}`,
    `  tick law with leader stickiness ${quantileText(sticky)}   within ${differenceText(simulated, sticky)}`,
    `  simulated without CheckQuorum   ${quantileText(free)}`,
    `  tick law                        ${quantileText(law)}   within ${differenceText(free, law)}`,
    `  recorded, ${real.length} kills             ${quantileText(real)}`,
    `  Kolmogorov-Smirnov D ${d.toFixed(3)}, p ${p.toFixed(3)}; recorded extremes ${inside ? 'inside' : 'outside'} the simulated 99 % band`,
  ];
}

const KILLS = 10_000;
/** Pre-vote and vote: a round trip each, and the voter's fsync. */
const VOTE_ROUNDS = 1.2 * MILLISECOND;

/** p25, p50, mean, p75 and p99 of ascending values. */
export function outageFigures(sorted: Float64Array): number[] {
  const at = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!;
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
  return [at(0.25), at(0.5), mean, at(0.75), at(0.99)];
}

function quantileText(sorted: Float64Array): string {
  return outageFigures(sorted)
    .map((value) => Math.round(value / MILLISECOND))
    .join(' / ');
}

/** The largest difference of the five figures, as a share of the law's. */
function differenceText(simulated: Float64Array, law: Float64Array): string {
  const expected = outageFigures(law);
  const worst = Math.max(...outageFigures(simulated).map((value, i) => Math.abs(value / expected[i]! - 1)));
  return `${(worst * 100).toFixed(1)} %`;
}

/** Between which values the least and the greatest of `size` kills lie with 99 % each. */
export function extremesBand(
  sorted: Float64Array,
  size: number,
): [least: readonly [number, number], greatest: readonly [number, number]] {
  const at = (q: number) => sorted[Math.min(sorted.length - 1, Math.max(0, Math.floor(q * sorted.length)))]!;
  // P(least of n > x) = (1 - F)^n, P(greatest of n < x) = F^n.
  const root = (probability: number) => pow(probability, 1 / size);
  return [
    [at(1 - root(0.995)), at(1 - root(0.005))],
    [at(root(0.005)), at(root(0.995))],
  ];
}

/** Two-sample Kolmogorov–Smirnov statistic of ascending samples, and its asymptotic p-value. */
export function kolmogorovSmirnov(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
): { readonly d: number; readonly p: number } {
  let i = 0;
  let j = 0;
  let d = 0;
  while (i < a.length && j < b.length) {
    const value = Math.min(a[i]!, b[j]!);
    while (i < a.length && a[i]! <= value) i++;
    while (j < b.length && b[j]! <= value) j++;
    d = Math.max(d, Math.abs(i / a.length - j / b.length));
  }
  const effective = Math.sqrt((a.length * b.length) / (a.length + b.length));
  const lambda = (effective + 0.12 + 0.11 / effective) * d;
  let p = 0;
  for (let k = 1; k <= 100; k++) p += (k % 2 === 1 ? 2 : -2) * exp(-2 * k * k * lambda * lambda);
  return { d, p: Math.max(0, Math.min(1, p)) };
}
