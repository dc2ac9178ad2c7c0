import type { Duration } from '../kernel/time.js';
import { SECOND } from '../kernel/time.js';
import { share } from './units.js';
import type { ClusterSpec, Finding, ImageBehaviour, TrafficSpec } from './types.js';

/** Up to so many requests a run is exact unless the scenario says otherwise. */
export const EXACT_REQUESTS = 1e7;
/** Requests that a run simulates which is sampled without being told to. */
const SAMPLED_REQUESTS = 4e6;

/** What decides about sampling. */
export interface SampledScenario {
  readonly traffic: readonly TrafficSpec[];
  readonly behaviours: readonly ImageBehaviour[];
  readonly cluster: ClusterSpec;
  /** Kinds of all objects of the scenario. */
  readonly kinds: ReadonlySet<string>;
  readonly duration: Duration;
}

/** Requests that a run is expected to have. */
export function expectedRequests(traffic: readonly TrafficSpec[], duration: Duration): number {
  let requests = 0;
  for (const { rate, start, end, arrivals } of traffic) {
    const length = Math.max(0, Math.min(end ?? duration, duration) - start);
    // A trace has what it has: its mean rate says nothing when it is over soon.
    if (arrivals?.kind === 'trace' && arrivals.repeat === undefined) for (const { at, count } of arrivals.rows) requests += at < length ? count : 0;
    else requests += (rate * length) / SECOND;
  }
  return requests;
}

/**
 * Why the requests to some pods cannot stand for all; undefined when they can. They can when proxies spread requests at random: then
 * pods know nothing of each other. What counts all of a pod's requests, or follows a request to further pods, needs all of them.
 */
export function samplingProblem({ traffic, behaviours, cluster, kinds }: SampledScenario): string | undefined {
  for (const spec of traffic) {
    if (spec.arrivals?.kind === 'closed') return 'users of a closed loop wait for the answers of all pods';
    if (spec.balancing !== undefined && spec.balancing !== 'random') return `balancing ${spec.balancing} makes pods depend on each other`;
    const key = (['retries', 'hedge', 'breaker'] as const).find((each) => spec[each] !== undefined);
    if (key !== undefined) return `${key}: a request may go to several pods`;
    if (spec.cancels === true) return 'requests that are cancelled are followed one by one';
    const path = (['host', 'ingress', 'via', 'client', 'clients', 'lookup', 'connections'] as const).find((each) => spec[each] !== undefined);
    if (path !== undefined) return `${path === 'lookup' ? 'name' : path}: clients and connections are followed one by one`;
  }
  if (cluster.kubeProxy.configuration?.mode === 'ipvs') return 'IPVS does not spread requests at random';
  if (behaviours.some(({ request }) => request.calls !== undefined)) return 'calls between Services reach pods that depend on each other';
  if (behaviours.some(({ request }) => request.answer !== undefined || request.upload !== undefined)) return 'requests and answers share the links of machines';
  if (kinds.has('HorizontalPodAutoscaler')) return 'a HorizontalPodAutoscaler measures all pods';
  return undefined;
}

/** What was decided: one pod in `every` is simulated (1: all), with a finding when the number of requests decides, or what is wrong. */
export interface SamplingDecision {
  readonly every: number;
  readonly finding?: Finding;
  readonly problem?: string;
}

/** Decides for a scenario that says `sample`, a share of the pods; undefined: nothing. */
export function decideSampling(scenario: SampledScenario, sample: string | number | undefined): SamplingDecision {
  const obstacle = samplingProblem(scenario);
  if (sample !== undefined) {
    const wanted = share(sample);
    if (wanted === 0) return { every: 1, problem: 'expected a share above 0%' };
    const every = Math.max(1, Math.round(1 / wanted));
    if (every === 1 || obstacle === undefined) return { every };
    return { every: 1, problem: `the requests to some pods cannot stand for all: ${obstacle}` };
  }
  const requests = expectedRequests(scenario.traffic, scenario.duration);
  if (requests <= EXACT_REQUESTS) return { every: 1 };
  const about = `about ${Math.round(requests / 1e5) / 10} million requests are expected, more than 10`;
  if (obstacle !== undefined) return { every: 1, finding: { severity: 'info', message: `${about}; each is simulated, because ${obstacle}` } };
  const every = Math.max(2, Math.ceil(requests / SAMPLED_REQUESTS));
  return { every, finding: { severity: 'info', message: `${about}: those to one pod in ${every} are simulated and stand for the others; \`sample: 100%\` simulates all` } };
}
