import { invalid } from '../../api/fields.js';
import { type FieldReader, fieldPath, type RawMap } from '../../api/reader.js';
import { type Duration, HOUR, MICROSECOND, MILLISECOND, MINUTE, NANOSECOND, SECOND } from '../../kernel/time.js';

/** Limits of the scheduler's own client; 50 and 100 when the file says nothing or 0 (SetDefaults_KubeSchedulerConfiguration). */
export interface ClientConnection {
  readonly qps: number;
  readonly burst: number;
}

/** How replicas of the scheduler choose the one that works (component-base config LeaderElectionConfiguration). */
export interface LeaderElection {
  /** false: every process works at once. */
  readonly leaderElect: boolean;
  readonly leaseDuration: Duration;
  readonly renewDeadline: Duration;
  readonly retryPeriod: Duration;
  /** Name and namespace of the Lease. */
  readonly resourceName: string;
  readonly resourceNamespace: string;
}

export const defaultClientConnection: ClientConnection = { qps: 50, burst: 100 };

export const defaultLeaderElection: LeaderElection = {
  leaderElect: true,
  leaseDuration: 15 * SECOND,
  renewDeadline: 10 * SECOND,
  retryPeriod: 2 * SECOND,
  resourceName: 'kube-scheduler',
  resourceNamespace: 'kube-system',
};

const none: ReadonlySet<string> = new Set();
const connectionFields: ReadonlySet<string> = new Set(['qps', 'burst']);
/** How the client reaches the API server and in which encoding: of no consequence here. */
const connectionOthers: ReadonlySet<string> = new Set(['kubeconfig', 'contentType', 'acceptContentTypes']);
const electionFields: ReadonlySet<string> = new Set([
  'leaderElect',
  'leaseDuration',
  'renewDeadline',
  'retryPeriod',
  'resourceLock',
  'resourceName',
  'resourceNamespace',
]);

/** Reads `clientConnection`. */
export function readClientConnection(read: FieldReader, raw: RawMap): ClientConnection {
  const map = read.map(raw, 'clientConnection', '');
  if (map === undefined) return defaultClientConnection;
  read.rest(map, 'clientConnection', connectionFields, connectionOthers);
  const { qps } = map;
  if (qps !== undefined && qps !== null && typeof qps !== 'number') read.wrongType('clientConnection.qps', qps, 'a number');
  const rate = typeof qps === 'number' ? qps : 0;
  const burst = read.integer(map, 'burst', 'clientConnection') ?? 0;
  if (rate < 0) {
    // client-go: a negative rate means no limit (rest/config.go QPS).
    return { qps: Number.MAX_SAFE_INTEGER, burst: Number.MAX_SAFE_INTEGER };
  }
  if (burst < 0) read.errors.push(invalid('clientConnection.burst', burst, 'must be non-negative'));
  return { qps: rate === 0 ? defaultClientConnection.qps : rate, burst: burst === 0 ? defaultClientConnection.burst : burst };
}

/** Reads `leaderElection`. */
export function readLeaderElection(read: FieldReader, raw: RawMap): LeaderElection {
  const path = 'leaderElection';
  const map = read.map(raw, path, '');
  if (map === undefined) return defaultLeaderElection;
  read.rest(map, path, electionFields, none);
  const election: LeaderElection = {
    leaderElect: read.flag(map, 'leaderElect', path) ?? true,
    leaseDuration: goDuration(read, map, 'leaseDuration', path) ?? defaultLeaderElection.leaseDuration,
    renewDeadline: goDuration(read, map, 'renewDeadline', path) ?? defaultLeaderElection.renewDeadline,
    retryPeriod: goDuration(read, map, 'retryPeriod', path) ?? defaultLeaderElection.retryPeriod,
    resourceName: read.text(map, 'resourceName', path) ?? defaultLeaderElection.resourceName,
    resourceNamespace: read.text(map, 'resourceNamespace', path) ?? defaultLeaderElection.resourceNamespace,
  };
  const lock = read.text(map, 'resourceLock', path) ?? 'leases';
  if (lock !== 'leases') read.errors.push(invalid(fieldPath(path, 'resourceLock'), lock, 'resourceLock value must be "leases"'));
  if (election.leaderElect) checkElection(read, election, path);
  return election;
}

function checkElection(read: FieldReader, election: LeaderElection, path: string): void {
  const { leaseDuration, renewDeadline, retryPeriod } = election;
  const seconds = (value: Duration) => `${value / SECOND}s`;
  for (const key of ['leaseDuration', 'renewDeadline', 'retryPeriod'] as const) {
    if (election[key] <= 0) read.errors.push(invalid(fieldPath(path, key), seconds(election[key]), 'must be greater than zero'));
  }
  if (leaseDuration <= renewDeadline)
    read.errors.push(invalid(fieldPath(path, 'leaseDuration'), seconds(leaseDuration), 'LeaseDuration must be greater than RenewDeadline'));
  // tools/leaderelection JitterFactor 1.2: a candidate that could not even try again before its deadline is refused.
  if (renewDeadline <= retryPeriod * 1.2)
    read.errors.push(
      invalid(fieldPath(path, 'renewDeadline'), seconds(renewDeadline), 'RenewDeadline must be greater than RetryPeriod*JitterFactor'),
    );
}

const UNITS: Readonly<Record<string, Duration>> = {
  ns: NANOSECOND,
  us: MICROSECOND,
  µs: MICROSECOND,
  ms: MILLISECOND,
  s: SECOND,
  m: MINUTE,
  h: HOUR,
};

/** A duration as Go writes it: `15s`, `1m30s`. */
function goDuration(read: FieldReader, raw: RawMap, key: string, path: string): Duration | undefined {
  const text = read.text(raw, key, path);
  if (text === undefined || text === '') return undefined;
  if (text === '0') return 0;
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text)) {
    read.wrongType(fieldPath(path, key), text, 'a duration such as 15s');
    return undefined;
  }
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) total += Number(amount) * UNITS[unit!]!;
  return Math.round(total);
}
