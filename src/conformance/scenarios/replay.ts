import { readManifest } from '../../api/manifest.js';
import { Kubectl } from '../../client/kubectl/kubectl.js';
import { SECOND } from '../../kernel/time.js';
import { createRequest } from '../../cluster/timeline.js';
import type { CostProfile } from '../../scenario/types.js';
import { commandTarget, type Recording } from '../controllers-recording.js';
import type { AuditedRequest } from './audit-log.js';
import { AuditedLateness, auditedPace } from './audited-pace.js';
import { auditedTake } from './audited-take.js';
import { RAISED_LIMITS, RecordedCluster, SHARED_LIMITS } from './cluster.js';
import { Driver } from './driver.js';
import { Journal } from './journal.js';
import { SharedLoad } from './load.js';
import { LateMetrics, metricsDelaysOf } from './late-metrics.js';
import { LostNodes } from './lost-nodes.js';
import { KwokNodes } from './nodes.js';
import { standingNodes } from './objects.js';
import { paced, paceOf } from './pace.js';
import { PodTimes } from './pod-times.js';
import { AuditLog } from './requests.js';

/** The control plane is up, and its caches filled, before a scenario begins: at least so long. */
const WARM_UP = 12 * SECOND;
/** The namespace is there this long before the first command. */
const NAMESPACE_AGE = SECOND;
/** A replay goes on for as long as the recording did after its last command, a little more, and until its last state is reached. */
const AFTERWARDS = 0.1 * SECOND;
const PATIENCE = 60 * SECOND;
const USER_QPS = 1000;
const STEP = 0.05 * SECOND;

/** What a simulated cluster did under the commands of a recording. */
export interface Replay {
  readonly recording: Recording;
  /** Commands that failed, and states that were not reached. */
  readonly missed: readonly string[];
  readonly requests: AuditLog;
}

/**
 * Runs a recorded scenario on the simulated control plane.
 * @param audited requests of the audit log: the take that they are of is replayed, at the pace that they show
 */
export function replayScenario(recorded: Recording, profile: CostProfile, seed = 'recorded', audited?: readonly AuditedRequest[]): Replay {
  const { recording, lost } = auditedTake(recorded, audited ?? []);
  const { header, commands } = recording;
  const limits = header.versions?.note === 'kcm-default-qps' ? SHARED_LIMITS : RAISED_LIMITS;
  // Simulated time 0 is a whole second, as the API's timestamps are.
  const startTime = Math.floor((header.startUnixMs - WARM_UP / 1e6) / 1000) * 1000;
  const origin = (header.startUnixMs - startTime) * 1e6;
  const load = new SharedLoad();
  const nodes = standingNodes(recording);
  const metrics = new LateMetrics(metricsDelaysOf(recording));
  const cluster = new RecordedCluster({
    seed,
    startTime,
    nodes,
    limits,
    metrics: load,
    lateness: audited === undefined ? metrics : new AuditedLateness(header.id, audited, metrics),
    profile: limits === SHARED_LIMITS ? profile : paced(profile, audited === undefined ? paceOf(recording) : auditedPace(audited)),
  });
  const { simulation } = cluster;
  const made = commands.map(({ name }) => commandTarget(name)).filter(({ verb, kind }) => verb === 'create' && kind === 'Node');
  const journal = new Journal(simulation, header, origin, new Set(made.map(({ name }) => name)));
  load.journal = journal;
  cluster.connections.observer = journal;
  const requests = new AuditLog(header.id);
  cluster.connections.auditor = requests;
  const times = new PodTimes(recording, cluster.randomness.stream('pods'));
  const kwok = ['kwok', 'kwok2'].map((type, i) => {
    const process = cluster.process(type, USER_QPS, USER_QPS);
    const result = new KwokNodes(process, cluster.client('system:kwok', USER_QPS, USER_QPS), type, i === 0, times);
    return { process, nodes: result };
  });
  const client = cluster.client('kubernetes-admin', USER_QPS, USER_QPS);
  const kubectl = new Kubectl({ simulation, connections: cluster.connections, user: client.user, host: 0, preferredServer: 0, kubernetesVersion: '1.34' });
  const driver = new Driver({ simulation, recording, journal, client, kubectl, load, stopped: kwok[1]!.nodes });
  cluster.start();
  for (const { process } of kwok) process.start();
  simulation.run(origin - NAMESPACE_AGE);
  const namespace = readManifest({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: header.id } }).object;
  client.request(createRequest(namespace), { receive() {} }, 0);
  simulation.run(origin);
  driver.start();
  new LostNodes(simulation, origin, lost, client, journal);
  while (!driver.done) simulation.run(simulation.now + STEP);
  const last = Math.max(0, ...recording.changes.map(({ time }) => time));
  const end = commands.filter(({ name }) => !name.startsWith('WATCH')).at(-1)?.time ?? 0;
  simulation.run(simulation.now + AFTERWARDS + Math.max(0, last - end));
  const limit = simulation.now + PATIENCE;
  while (simulation.now < limit && !driver.finalReached) simulation.run(simulation.now + SECOND);
  return { recording: journal.recording(driver.log), missed: driver.missed, requests };
}
