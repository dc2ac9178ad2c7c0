import { type RunResult, tableOf } from '../analysis/result.js';
import { APISERVER_SCALARS } from '../metrics/apiserver-families.js';
import { ETCD_SCALARS } from '../metrics/etcd-families.js';
import {
  HISTOGRAM_FAMILIES,
  labelText,
  POD_START_DURATION,
  SCHEDULING_ALGORITHM_DURATION,
} from '../metrics/histograms.js';
import {
  counter,
  countsAt,
  type Family,
  gauge,
  histogram,
  histogramSeries,
  type Labels,
  type Sample,
  scrapeTimes,
} from './openmetrics-series.js';

/** Metrics of a run as the real components name them, from its tables. */
export function families(result: RunResult, interval: number): Family[] {
  const times = scrapeTimes(result, interval);
  const recorded = [...scrapedFamilies(result, times), ...histogramTable(result)].filter(
    (family) => family.series.length > 0,
  );
  const derived = [
    ...runFamilies(result, times),
    ...apiFamilies(result, times),
    ...etcdFamilies(result, times),
    ...schedulerFamilies(result, times),
    ...podFamilies(result, times),
    ...replicaFamilies(result, times),
    ...userFamilies(result, times),
  ].filter((family) => family.series.length > 0 && !recorded.some((other) => other.name === family.name));
  return [...derived, ...recorded];
}

/** The recorded counters and gauges, at the scrapes nearest before the times of the export. */
function scrapedFamilies(result: RunResult, times: readonly number[]): Family[] {
  const table = tableOf(result, 'scrapes');
  if (table === undefined) return [];
  const [metrics, labels] = ['metric', 'labels'].map((name) => table.column(name)) as [string[], string[]];
  const [instants, values] = ['time', 'value'].map((name) => table.column(name)) as [Float64Array, Float64Array];
  const rows = new Map<string, Map<string, number[]>>();
  for (let row = 0; row < table.length; row++) {
    let series = rows.get(metrics[row]!);
    if (series === undefined) rows.set(metrics[row]!, (series = new Map()));
    const list = series.get(labels[row]!);
    if (list === undefined) series.set(labels[row]!, [row]);
    else list.push(row);
  }
  return [...APISERVER_SCALARS, ...ETCD_SCALARS].map(({ name, type, help }) => {
    const total = type === 'counter' && name.endsWith('_total');
    const series = [...(rows.get(name) ?? [])].map(([text, list]) => {
      const samples: Sample[] = [];
      let next = 0;
      for (const time of times) {
        const before = next;
        while (next < list.length && instants[list[next]!]! <= time) next++;
        if (next > before) samples.push({ time, value: values[list[next - 1]!]! });
      }
      return { suffix: total ? '_total' : '', labels: text, samples };
    });
    return {
      name: total ? name.slice(0, -'_total'.length) : name,
      type: type === 'counter' && !total ? ('unknown' as const) : type,
      help,
      series: series.filter(({ samples }) => samples.length > 0),
    };
  });
}

/** The recorded histograms, each with the job it belongs to. */
function histogramTable(result: RunResult): Family[] {
  const table = tableOf(result, 'histograms');
  if (table === undefined) return [];
  const metrics = table.column('metric');
  const labels = table.column('labels');
  const [times, bounds, counts, sums] = ['time', 'le', 'count', 'sum'].map(
    (name) => table.column(name) as Float64Array,
  ) as [Float64Array, Float64Array, Float64Array, Float64Array];
  return HISTOGRAM_FAMILIES.map((family) => {
    const states = new Map<string, { time: number; counts: number[]; sum: number }[]>();
    for (let row = 0; row < table.length; row++) {
      if (metrics[row] !== family.name) continue;
      const key = labels[row] as string;
      let list = states.get(key);
      if (list === undefined) states.set(key, (list = []));
      let state = list[list.length - 1];
      if (state === undefined || state.time !== times[row])
        list.push((state = { time: times[row]!, counts: [], sum: 0 }));
      state.counts.push(counts[row]!);
      if (bounds[row] === Number.POSITIVE_INFINITY) state.sum = sums[row]!;
    }
    const all = [...family.bounds, Number.POSITIVE_INFINITY];
    const series = [...states].flatMap(([key, list]) => histogramSeries(key, all, list));
    return { name: family.name, type: 'histogram' as const, help: family.help, series };
  });
}

function runFamilies(result: RunResult, times: readonly number[]): Family[] {
  const { summary } = result;
  const job = { job: 'towtank' };
  const info = {
    ...job,
    scenario: summary.scenario,
    run: result.name,
    seed: summary.seed,
    kubernetes_version: summary.kubernetesVersion,
    trace_hash: summary.traceHash,
  };
  const end = times[times.length - 1]!;
  const once = (name: string, help: string, value: number | null): Family => ({
    name,
    type: 'gauge',
    help,
    series: value === null ? [] : [{ suffix: '', labels: labelText(job), samples: [{ time: end, value }] }],
  });
  const { metrics } = summary;
  return [
    {
      name: 'towtank_run',
      type: 'info',
      help: 'The run.',
      series: [{ suffix: '_info', labels: labelText(info), samples: times.map((time) => ({ time, value: 1 })) }],
    },
    once('towtank_rollout_duration_seconds', 'Duration of the rollout.', metrics.rolloutDuration),
    once(
      'towtank_rollout_lowest_available_ratio',
      'Least available replicas divided by the wanted ones.',
      metrics.lowestAvailableShare,
    ),
    once(
      'towtank_rollout_surge_pod_seconds',
      'Time integral of the pods above the wanted number.',
      metrics.surgePodSeconds,
    ),
    once('towtank_objectives_met', '1 when the run met all its objectives.', summary.met ? 1 : 0),
  ];
}

/** What the label `verb` of kube-apiserver says for a request verb of Kubernetes. */
const HTTP_VERBS: Readonly<Record<string, string>> = {
  get: 'GET',
  list: 'LIST',
  watch: 'WATCH',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETECOLLECTION',
};

function apiFamilies(result: RunResult, times: readonly number[]): Family[] {
  const table = tableOf(result, 'api_requests_by_second');
  const [verbs, resources, codes] = ['verb', 'resource', 'code'].map((name) => table?.column(name) ?? []);
  const labels = (row: number): Labels => {
    const [resource = '', subresource = ''] = (resources![row] as string).split('/');
    const verb = verbs![row] as string;
    return {
      job: 'apiserver',
      component: 'apiserver',
      verb: HTTP_VERBS[verb] ?? verb,
      resource,
      subresource,
      code: String(codes![row]),
    };
  };
  return [
    counter(
      'apiserver_request',
      'Counter of apiserver requests broken out for each verb, resource and HTTP response code.',
      table,
      'requests',
      times,
      labels,
    ),
  ];
}

function etcdFamilies(result: RunResult, times: readonly number[]): Family[] {
  const table = tableOf(result, 'etcd_by_second');
  const members = table?.column('member') ?? [];
  const labels = (row: number): Labels => ({ job: 'etcd', instance: members[row] as string });
  return [
    gauge(
      'etcd_server_is_leader',
      'Whether or not this member is a leader. 1 if is, 0 otherwise.',
      table,
      'leader',
      times,
      labels,
    ),
    gauge('towtank_etcd_raft_term', 'Raft term of the member.', table, 'term', times, labels),
    gauge(
      'etcd_mvcc_db_total_size_in_bytes',
      'Total size of the underlying database physically allocated in bytes.',
      table,
      'db_bytes',
      times,
      labels,
    ),
    counter('etcd_mvcc_txn', 'Total number of write transactions led by this member.', table, 'puts', times, labels),
  ];
}

function schedulerFamilies(result: RunResult, times: readonly number[]): Family[] {
  const queues = tableOf(result, 'scheduler_by_second');
  const attempts = tableOf(result, 'scheduler_attempts');
  const pending = ['active', 'backoff', 'unschedulable', 'gated'].flatMap(
    (queue) =>
      gauge('scheduler_pending_pods', '', queues, queue, times, () => ({ job: 'kube-scheduler', queue })).series,
  );
  const outcomes = attempts?.column('result') ?? [];
  const instants = attempts?.column('time') ?? [];
  const durations = attempts?.column('duration') ?? [];
  const byOutcome = new Map<string, Sample[]>();
  const all: Sample[] = [];
  for (let row = 0; row < (attempts?.length ?? 0); row++) {
    const sample = { time: instants[row] as number, value: durations[row] as number };
    const list = byOutcome.get(outcomes[row] as string);
    if (list === undefined) byOutcome.set(outcomes[row] as string, [sample]);
    else list.push(sample);
    all.push(sample);
  }
  const counts = [...byOutcome].map(([outcome, samples]) => ({
    suffix: '_total',
    labels: labelText({ job: 'kube-scheduler', profile: 'default-scheduler', result: outcome }),
    samples: countsAt(samples, times),
  }));
  return [
    {
      name: 'scheduler_pending_pods',
      type: 'gauge',
      help: 'Number of pending pods, by the queue type.',
      series: pending,
    },
    {
      name: 'scheduler_schedule_attempts',
      type: 'counter',
      help: 'Number of attempts to schedule pods, by the result.',
      series: counts,
    },
    histogram(SCHEDULING_ALGORITHM_DURATION, { job: 'kube-scheduler' }, all, times),
  ];
}

function podFamilies(result: RunResult, times: readonly number[]): Family[] {
  const pods = tableOf(result, 'pods');
  const scheduled = pods?.column('scheduled') ?? [];
  const starts = pods?.column('started') ?? [];
  const observations: Sample[] = [];
  for (let row = 0; row < (pods?.length ?? 0); row++) {
    const seen = scheduled[row] as number;
    const started = starts[row] as number;
    if (seen >= 0 && started >= seen) observations.push({ time: started, value: started - seen });
  }
  return [histogram(POD_START_DURATION, { job: 'kubelet' }, observations, times)];
}

/** Replicas by the names of kube-state-metrics. */
function replicaFamilies(result: RunResult, times: readonly number[]): Family[] {
  const table = tableOf(result, 'replicas_by_second');
  const [deployments, sets] = ['deployment', 'replicaset'].map((name) => table?.column(name) ?? []);
  const labels = (row: number): Labels => ({
    job: 'kube-state-metrics',
    namespace: (deployments![row] as string).split('/')[0]!,
    replicaset: sets![row] as string,
  });
  return [
    gauge('kube_replicaset_spec_replicas', 'Number of desired pods for a ReplicaSet.', table, 'desired', times, labels),
    gauge('kube_replicaset_status_replicas', 'The number of replicas per ReplicaSet.', table, 'pods', times, labels),
    gauge(
      'kube_replicaset_status_ready_replicas',
      'The number of ready replicas per ReplicaSet.',
      table,
      'ready',
      times,
      labels,
    ),
  ];
}

function userFamilies(result: RunResult, times: readonly number[]): Family[] {
  const requests = tableOf(result, 'requests_by_second');
  const errors = tableOf(result, 'errors_by_second');
  const job = 'towtank';
  const [services, versions] = ['service', 'version'].map((name) => requests?.column(name) ?? []);
  const [failed, causes] = ['service', 'cause'].map((name) => errors?.column(name) ?? []);
  const byVersion = (row: number): Labels => ({
    job,
    service: services![row] as string,
    version: versions![row] as string,
  });
  return [
    counter('towtank_user_requests', 'Requests of users that ended.', requests, 'requests', times, byVersion),
    counter(
      'towtank_user_request_errors',
      'Requests of users that ended in an error.',
      errors,
      'errors',
      times,
      (row) => ({ job, service: failed![row] as string, cause: causes![row] as string }),
    ),
    gauge(
      'towtank_user_request_p99_seconds',
      '99th percentile of the latency in the last second.',
      requests,
      'p99',
      times,
      byVersion,
    ),
  ];
}
