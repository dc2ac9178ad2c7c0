import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { InputError } from '../../scenario/input-error.js';
import { type BucketHistogram, type MeanOf, PHASES, type Phase, type PhaseFigures, type ProcessorUse } from './figures.js';
import { Samples } from './prometheus.js';

/** Client limits of a process. */
export interface Limits {
  readonly qps: number;
  readonly burst: number;
}

/** One phase: what all components' metrics changed by. */
export interface RecordedPhase {
  readonly phase: Phase;
  readonly figures: PhaseFigures;
  readonly apiServer: Samples;
  readonly etcd: Samples;
  readonly controllerManager: Samples;
  readonly scheduler: Samples;
  /** Seconds from the end of the phase before, by the leases that were renewed meanwhile; 0 for the first. */
  readonly pause: number;
}

/** One run: how it was set up, and its phases in order. */
export interface RecordedCalibration {
  readonly directory: string;
  readonly kubernetes: '1.34' | '1.35' | '1.36';
  readonly cores: number;
  readonly nodes: number;
  readonly pods: number;
  readonly maxSurge: string | number;
  readonly maxUnavailable: string | number;
  readonly controllerManager: Limits;
  readonly scheduler: Limits;
  /** Of kwok, whose default is none. */
  readonly kwok: Limits;
  readonly phases: readonly RecordedPhase[];
  /** What the folder lacks, a line each. */
  readonly notes: readonly string[];
}

/** client-go's and the components' defaults (--kube-api-qps, --kube-api-burst). */
const CONTROLLER_LIMITS: Limits = { qps: 20, burst: 30 };
const SCHEDULER_LIMITS: Limits = { qps: 50, burst: 100 };
const NO_LIMITS: Limits = { qps: 0, burst: 0 };

/** Reads the folder of a run. Throws InputError with file and reason. */
export function readCalibration(directory: string): RecordedCalibration {
  const path = join(directory, 'run.json');
  const run = readJson(path);
  const fail = (message: string): never => {
    throw new InputError({ file: path, message });
  };
  const number = (key: string, fallback?: number): number => {
    const value = run[key] ?? fallback;
    return Number.isInteger(value) && (value as number) > 0 ? (value as number) : fail(`expected a positive whole number "${key}", found ${JSON.stringify(run[key]) ?? 'none'}`);
  };
  const limits = (name: string, fallback: Limits): Limits => {
    const all = run['clientLimits'] ?? {};
    if (!isMap(all)) return fail(`expected a map "clientLimits", found ${JSON.stringify(all)}`);
    const given = all[name] ?? {};
    const { qps = fallback.qps, burst = fallback.burst } = (isMap(given) ? given : { qps: null }) as Partial<Limits>;
    const numbers = [qps, burst].every((value) => typeof value === 'number' && value >= 0);
    return numbers ? { qps, burst } : fail(`expected numbers qps and burst in clientLimits of ${name}, found ${JSON.stringify(given)}`);
  };
  const share = (key: string): string | number => {
    const value = run[key] ?? '25%';
    return typeof value === 'number' || (typeof value === 'string' && /^\d+%?$/.test(value)) ? value : fail(`expected a number or percentage "${key}"`);
  };
  const wanted = run['phases'] ?? [...PHASES];
  if (!Array.isArray(wanted) || wanted.length === 0) fail('expected a list "phases"');
  for (const phase of wanted as unknown[]) if (!PHASES.includes(phase as Phase)) fail(`expected phases of ${PHASES.join(', ')}, found ${JSON.stringify(phase)}`);
  const version = /^v?(1\.3[456])\b/.exec(String(run['kubernetes'] ?? '1.34'))?.[1] ?? fail('expected "kubernetes" of 1.34, 1.35 or 1.36');
  const notes: string[] = [];
  const phases = readPhases(directory, PHASES.filter((phase) => (wanted as unknown[]).includes(phase)), notes);
  const hasPods = phases.some(({ phase }) => phase !== 'nodes');
  return {
    directory,
    kubernetes: version as RecordedCalibration['kubernetes'],
    cores: number('cores', 2),
    nodes: number('nodes'),
    pods: hasPods ? number('pods') : 0,
    maxSurge: share('maxSurge'),
    maxUnavailable: share('maxUnavailable'),
    controllerManager: limits('kube-controller-manager', CONTROLLER_LIMITS),
    scheduler: limits('kube-scheduler', SCHEDULER_LIMITS),
    kwok: limits('kwok', NO_LIMITS),
    phases,
    notes,
  };
}

/** What results call the processes. */
const PROCESSES: ReadonlyMap<string, string> = new Map([
  ['apiserver', 'kube-apiserver'],
  ['etcd', 'etcd'],
  ['kcm', 'kube-controller-manager'],
  ['sched', 'kube-scheduler'],
  ['kwok', 'kwok-controller'],
]);

const WHEN = ['before', 'after'] as const;

interface RawResult {
  readonly wallSeconds?: unknown;
  readonly complete?: unknown;
  readonly components?: Readonly<Record<string, unknown>>;
}

/** The phases that there are results and metrics of kube-apiserver for; `notes` takes what is missing. Throws when there is none. */
function readPhases(directory: string, wanted: readonly Phase[], notes: string[]): readonly RecordedPhase[] {
  const results = new Map<string, RawResult>();
  for (const name of readdirSync(directory).sort()) {
    if (!/^result-.*\.json$/.test(name)) continue;
    for (const [phase, result] of Object.entries(readJson(join(directory, name)))) {
      if (typeof result === 'object' && result !== null) results.set(phase, result as RawResult);
    }
  }
  const phases: RecordedPhase[] = [];
  let before: Samples | undefined;
  let pace = 0;
  for (const phase of wanted) {
    const result = results.get(phase);
    const seconds = result?.wallSeconds;
    if (typeof seconds !== 'number' || !(seconds > 0)) {
      notes.push(`phase ${phase} left out: no result-*.json gives its wallSeconds`);
      continue;
    }
    const absent = (component: string): boolean => WHEN.some((when) => metricsFile(directory, phase, when, component) === undefined);
    if (absent('apiserver')) {
      notes.push(`phase ${phase} left out: no metrics-${phase}-before-apiserver.prom and metrics-${phase}-after-apiserver.prom`);
      continue;
    }
    const change = (component: string): Samples => {
      if (!absent(component)) return readSamples(directory, phase, 'after', component).minus(readSamples(directory, phase, 'before', component));
      notes.push(`phase ${phase}: no metrics of ${component} before and after it`);
      return new Samples();
    };
    const apiServer = change('apiserver');
    if (apiServer.total('apiserver_request_total') === 0) {
      notes.push(`phase ${phase} left out: apiserver_request_total has not grown in its metrics of apiserver`);
      continue;
    }
    const controllerManager = change('kcm');
    const start = readSamples(directory, phase, 'before', 'apiserver');
    const leases = renewals(apiServer);
    pace = leases > 0 ? leases / seconds : pace;
    const pause = before === undefined || pace === 0 ? 0 : renewals(start.minus(before)) / pace;
    before = readSamples(directory, phase, 'after', 'apiserver');
    phases.push({
      phase,
      figures: { ...figuresOf(seconds, result?.complete !== false, apiServer, controllerManager), processors: processorsOf(result) },
      apiServer,
      etcd: change('etcd'),
      controllerManager,
      scheduler: change('scheduler'),
      pause,
    });
  }
  if (phases.length === 0) throw new InputError({ file: directory, message: `no phase with results and metrics: ${notes.join('; ')}` });
  return phases;
}

function processorsOf(result: RawResult | undefined): ReadonlyMap<string, ProcessorUse> {
  const processors = new Map<string, ProcessorUse>();
  for (const [component, use] of Object.entries(result?.components ?? {})) {
    const name = PROCESSES.get(component);
    const used = (use as { readonly cpuSeconds?: unknown } | null)?.cpuSeconds;
    if (name !== undefined && typeof used === 'number') processors.set(name, { seconds: used, messages: 0 });
  }
  return processors;
}

function renewals(samples: Samples): number {
  let total = 0;
  for (const { labels, value } of samples.named('apiserver_request_total')) {
    if (labels['resource'] === 'leases' && labels['verb'] === 'PUT') total += value;
  }
  return total;
}

function figuresOf(seconds: number, complete: boolean, apiServer: Samples, controllerManager: Samples): Omit<PhaseFigures, 'processors'> {
  const requests = new Map<string, number>();
  for (const { labels, value } of apiServer.named('apiserver_request_total')) {
    const key = seriesOf(labels);
    requests.set(key, (requests.get(key) ?? 0) + value);
  }
  const latencies = new Map<string, MeanOf>();
  for (const { labels, value } of apiServer.named('apiserver_request_duration_seconds_count')) {
    if (labels['verb'] === 'WATCH' || labels['verb'] === 'CONNECT') continue;
    const key = seriesOf(labels);
    const { count = 0, sum = 0 } = latencies.get(key) ?? {};
    latencies.set(key, { count: count + value, sum: sum + apiServer.value('apiserver_request_duration_seconds_sum', labels) });
  }
  const limiter = new Map<string, BucketHistogram>();
  const name = 'rest_client_rate_limiter_duration_seconds';
  for (const { labels, value } of controllerManager.named(`${name}_count`)) {
    const cumulative = controllerManager.buckets(`${name}_bucket`, labels);
    limiter.set(labels['verb'] ?? '', { count: value, sum: controllerManager.value(`${name}_sum`, labels), cumulative });
  }
  return { seconds, complete, requests, latencies, limiter };
}

/** `VERB resource/subresource`. */
function seriesOf(labels: Readonly<Record<string, string>>): string {
  const { verb = '', resource = '', subresource = '' } = labels;
  return `${verb} ${subresource === '' ? resource : `${resource}/${subresource}`}`;
}

/** Path of the metrics of a component, compressed or not; undefined: there are none. */
function metricsFile(directory: string, phase: Phase, when: (typeof WHEN)[number], component: string): string | undefined {
  const base = join(directory, `metrics-${phase}-${when}-${component}.prom`);
  return [base, `${base}.gz`].find((path) => existsSync(path));
}

function readSamples(directory: string, phase: Phase, when: (typeof WHEN)[number], component: string): Samples {
  const path = metricsFile(directory, phase, when, component)!;
  let text: string;
  try {
    const bytes = readFileSync(path);
    text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  } catch (error) {
    throw new InputError({ file: path, message: `cannot read the metrics: ${(error as Error).message}` });
  }
  return Samples.parse(path, text);
}

function readJson(path: string): Record<string, unknown> {
  try {
    const value = JSON.parse(readFileSync(path, 'utf8')) as unknown;
    if (isMap(value)) return value;
  } catch (error) {
    throw new InputError({ file: path, message: `cannot read it as JSON: ${(error as Error).message}` });
  }
  throw new InputError({ file: path, message: 'expected a JSON object' });
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
