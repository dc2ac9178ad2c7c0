import { type Duration, MILLISECOND, SECOND } from '../../kernel/time.js';
import type { DistributionSpec } from '../../random/distribution.js';
import type { CostProfile } from '../../scenario/types.js';
import type { MeanOf, PhaseFigures, ProcessorUse } from './figures.js';
import type { RecordedCalibration, RecordedPhase } from './recording.js';

/** Verbs of the API as the server's metrics and as the cost profile name them. */
const VERBS: ReadonlyMap<string, string> = new Map([
  ['POST', 'create'],
  ['PUT', 'update'],
  ['PATCH', 'patch'],
  ['DELETE', 'delete'],
  ['GET', 'get'],
  ['LIST', 'list'],
]);
/** Requests of a kind below this number say nothing of its cost. */
const ENOUGH = 20;
const MOSTLY = 0.5;
/** A request's cost is at least this. */
const LEAST = 0.02 * MILLISECOND;
/** A correction changes a cost by at most these factors. */
const SMALLEST_STEP = 0.2;
const LARGEST_STEP = 2;
/** Spread of messages between processes of one busy machine (lognormal), and its mean over its median. */
const SPREAD = 0.8;
const SPREAD_MEAN = 1.377;
const API_SERVER = 'kube-apiserver';
/** Share of nodes that the scheduler evaluates: 50 less one for each 125 nodes, at least 5 %, at least 100 nodes (numFeasibleNodesToFind). */
const PERCENT = 50;
const NODES_PER_PERCENT = 125;
const LEAST_PERCENT = 5;
const LEAST_NODES = 100;

/** The phases that a profile is taken from: `nodes` and `create`, of a run that has neither its rollout. */
export function calibrationPhases({ phases }: RecordedCalibration): readonly RecordedPhase[] {
  const first = phases.filter(({ phase }) => phase !== 'roll');
  return first.length > 0 ? first : phases;
}

function constant(value: number): DistributionSpec {
  return { kind: 'constant', value: Math.round(value) };
}

/** Nodes that one scheduling cycle evaluates in a cluster of this size. */
function evaluatedNodes(nodes: number): number {
  if (nodes <= LEAST_NODES) return nodes;
  const percent = Math.max(LEAST_PERCENT, Math.floor(PERCENT - nodes / NODES_PER_PERCENT));
  return Math.max(LEAST_NODES, Math.floor((nodes * percent) / 100));
}

/** A first cost profile out of a recording's metrics: what each request takes, less what of it is etcd's. */
export function profileOf(recording: RecordedCalibration, base: CostProfile): CostProfile {
  const phases = calibrationPhases(recording);
  const mean = (component: 'etcd' | 'apiServer' | 'scheduler', name: string, labels: Readonly<Record<string, string>> = {}): number => {
    let sum = 0;
    let count = 0;
    for (const phase of phases) {
      sum += phase[component].total(`${name}_sum`, labels);
      count += phase[component].total(`${name}_count`, labels);
    }
    return count === 0 ? Number.NaN : (sum / count) * SECOND;
  };
  const fsync = orElse(mean('etcd', 'etcd_disk_wal_fsync_duration_seconds'), 0.2 * MILLISECOND);
  const commit = orElse(mean('etcd', 'etcd_disk_backend_commit_duration_seconds'), 2 * fsync);
  const update = orElse(mean('apiServer', 'etcd_request_duration_seconds', { operation: 'update', resource: 'leases' }), fsync + 0.2 * MILLISECOND);
  const { readyCpu, entryCpu, applyCpu } = base.etcd;
  // What remains is half work of the member and half the way there and back: the machine's cores wake up for each message.
  const remains = Math.max(LEAST, update - fsync - readyCpu - entryCpu - applyCpu);
  const requestCpu = Math.round(remains / 2);
  const transport = remains / 2;
  const requestCosts: Record<string, DistributionSpec> = { ...base.apiServer.requestCpu };
  for (const [key, { count, sum }] of means(phases.map(({ figures }) => figures))) {
    const name = costKey(key);
    if (name === undefined || count < ENOUGH) continue;
    const isWrite = !/^(get|list) /.test(name);
    const resource = name.startsWith('list ') ? name.slice('list '.length) : '';
    // A consistent list asks etcd for its revision first.
    const waited = resource === '' ? 0 : cacheWait(phases, resource) + (consistentReads(phases, resource) * (requestCpu + transport)) / SECOND;
    requestCosts[name] = constant(Math.max(LEAST, ((sum - waited) / count) * SECOND - (isWrite ? update : 0)));
  }
  const { afterPause = 1 } = base.scheduler;
  const cycle = mean('scheduler', 'scheduler_scheduling_algorithm_duration_seconds') / afterPause;
  // PreScore looks at all nodes (default spreading), the rest at those that are evaluated.
  const scan = orElse(mean('scheduler', 'scheduler_framework_extension_point_duration_seconds', { extension_point: 'PreScore' }) / afterPause, 0);
  const evaluated = evaluatedNodes(recording.nodes);
  const perNode = Number.isNaN(cycle) ? base.scheduler.cyclePerEvaluatedNode : Math.max(1, (cycle - scan - base.scheduler.cycleFixed) / evaluated);
  const { evaluatedNodesToDouble: _doubling, ...scheduler } = base.scheduler;
  // What wakes a process up wakes its threads up: those that pass a watch event on, and the worker that a key waits for.
  const oneWay: DistributionSpec = { kind: 'lognormal', median: Math.round(transport / 2 / SPREAD_MEAN), sigma: SPREAD };
  return {
    ...base,
    name: `taken from ${recording.directory}`,
    etcd: { ...base.etcd, cores: recording.cores, fsync: constant(fsync), backendCommit: constant(commit), requestCpu },
    network: { ...base.network, sameHost: { kind: 'lognormal', median: Math.round(transport / SPREAD_MEAN), sigma: SPREAD } },
    apiServer: { ...base.apiServer, cores: recording.cores, requestCpu: requestCosts },
    controllers: { ...base.controllers, wakeUp: { default: oneWay }, eventDelay: { default: oneWay } },
    scheduler: { ...scheduler, cyclePerEvaluatedNode: perNode, defaultSpreadPerNode: scan / recording.nodes, garbagePerEvaluatedNode: 0 },
  };
}

/** Seconds that lists of a resource waited until the cache was as new as they asked for. */
function cacheWait(phases: readonly RecordedPhase[], resource: string): number {
  let sum = 0;
  for (const { apiServer } of phases) sum += apiServer.total('apiserver_watch_cache_read_wait_seconds_sum', { resource });
  return sum;
}

/** Lists of a resource that the cache answered once it was as new as etcd. */
function consistentReads(phases: readonly RecordedPhase[], resource: string): number {
  let count = 0;
  for (const { apiServer } of phases) count += apiServer.total('apiserver_watch_cache_consistent_read_total', { resource });
  return count;
}

/**
 * The profile moved towards the recording: where a simulation of the same phases answered slower or faster on average, the cost of
 * the request is corrected by the difference.
 */
export function corrected(profile: CostProfile, recording: RecordedCalibration, simulated: readonly PhaseFigures[]): CostProfile {
  const real = means(calibrationPhases(recording).map(({ figures }) => figures));
  const model = means(simulated);
  const requestCpu: Record<string, DistributionSpec> = { ...profile.apiServer.requestCpu };
  const most = mostWork(profile, recording);
  const requestWait: Record<string, Duration> = { ...profile.background?.requestWait };
  for (const [key, wanted] of real) {
    const name = costKey(key);
    const found = model.get(key);
    const before = name === undefined ? undefined : requestCpu[name];
    if (before?.kind !== 'constant' || found === undefined || found.count < ENOUGH || wanted.count < ENOUGH) continue;
    const isList = name!.startsWith('list ');
    // What is mostly wait says nothing of the work.
    if (isList && cacheWait(calibrationPhases(recording), name!.slice('list '.length)) > MOSTLY * wanted.sum) continue;
    // A machine that is full of requests multiplies what they cost, an idle one adds nothing: the ratio of what is not etcd's fits both.
    const etcd = /^(get|list) /.test(name!) ? 0 : etcdWrite(profile);
    const ratio = Math.max(LEAST, (wanted.sum / wanted.count) * SECOND * aged(profile, recording, key, wanted) - etcd) / Math.max(LEAST, (found.sum / found.count) * SECOND - etcd);
    const cost = (before.value + (requestWait[name!] ?? 0)) * Math.max(SMALLEST_STEP, Math.min(LARGEST_STEP, ratio));
    // Nodes register as fast as they can, and their requests wait for one another. Lists are as much work as they have items.
    const work = isList ? cost : Math.min(cost, most);
    requestCpu[name!] = constant(Math.max(LEAST, work));
    requestWait[name!] = Math.round(cost - work);
  }
  return { ...profile, apiServer: { ...profile.apiServer, requestCpu }, background: { ...correctedBackground(profile, recording, simulated), requestWait } };
}

/** What requests of a kind cost on average while the phases after those that are measured go on, relative to these. */
function aged({ background }: CostProfile, { phases }: RecordedCalibration, key: string, { count }: MeanOf): number {
  const created = phases.find(({ phase }) => phase === 'create')?.figures.latencies.get(key)?.count ?? 0;
  return created > MOSTLY * count ? (background?.aged ?? 1) : 1;
}

/**
 * Most processor time that the answer to a request waits for: no request is more work than those of the phase in which the machine had
 * little to do, or than a request is in all.
 */
function mostWork({ apiServer: { requestCpu }, background }: CostProfile, recording: RecordedCalibration): Duration {
  const { request: most = Number.POSITIVE_INFINITY } = background ?? {};
  let work = 0;
  for (const { phase, figures } of recording.phases) {
    if (phase !== 'create') continue;
    for (const [key, { count }] of figures.latencies) {
      const name = costKey(key);
      const cost = name === undefined ? undefined : requestCpu[name];
      if (name?.startsWith('list ') === false && cost?.kind === 'constant' && count >= ENOUGH) work = Math.max(work, cost.value);
    }
  }
  return work === 0 ? most : Math.min(most, work);
}

/** What processes used beyond what the simulation has them use is work beside their requests and events, of all of them alike. */
function correctedBackground({ background }: CostProfile, recording: RecordedCalibration, simulated: readonly PhaseFigures[]): NonNullable<CostProfile['background']> {
  const real = processors(calibrationPhases(recording).map(({ figures }) => figures));
  const model = processors(simulated);
  const cpu: Record<string, Duration> = {};
  let request = background?.request;
  for (const [name, { seconds }] of real) {
    const found = model.get(name);
    if (found === undefined || found.messages === 0) continue;
    if (name === API_SERVER) {
      // The first time, all of its work by all of its requests: lists and watch events are part of it.
      request = request === undefined ? Math.round((seconds * SECOND) / found.messages) : Math.max(0, Math.round(request + ((seconds - found.seconds) * SECOND) / found.messages));
      continue;
    }
    cpu[name] = Math.max(0, Math.round((background?.cpu?.[name] ?? 0) + ((seconds - found.seconds) * SECOND) / found.messages));
  }
  return { ...background, cpu, ...(request === undefined ? {} : { request }) };
}

/** Sums over several phases. */
function processors(phases: readonly PhaseFigures[]): ReadonlyMap<string, ProcessorUse> {
  const all = new Map<string, ProcessorUse>();
  for (const { processors: used } of phases) {
    for (const [name, { seconds, messages }] of used) {
      const known = all.get(name) ?? { seconds: 0, messages: 0 };
      all.set(name, { seconds: known.seconds + seconds, messages: known.messages + messages });
    }
  }
  return all;
}

/** What a write waits for etcd when nobody else does. */
function etcdWrite({ etcd, network }: CostProfile): number {
  const fsync = etcd.fsync.kind === 'constant' ? etcd.fsync.value : 0;
  const transport = network.sameHost.kind === 'lognormal' ? network.sameHost.median * SPREAD_MEAN : 0;
  return etcd.requestCpu + etcd.readyCpu + etcd.entryCpu + etcd.applyCpu + fsync + transport;
}

function costKey(key: string): string | undefined {
  const [verb = '', resource = ''] = key.split(' ');
  const name = VERBS.get(verb);
  return name === undefined || resource === '' ? undefined : `${name} ${resource}`;
}

function orElse(value: number, fallback: number): number {
  return Number.isFinite(value) ? value : fallback;
}

/** Means over several phases, by `VERB resource/subresource`. */
function means(phases: readonly PhaseFigures[]): ReadonlyMap<string, MeanOf> {
  const all = new Map<string, MeanOf>();
  for (const { latencies } of phases) {
    for (const [key, { count, sum }] of latencies) {
      const known = all.get(key) ?? { count: 0, sum: 0 };
      all.set(key, { count: known.count + count, sum: known.sum + sum });
    }
  }
  return all;
}
