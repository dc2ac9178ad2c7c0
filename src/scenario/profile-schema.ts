import { z } from 'zod';
import type { RawDistribution } from './schema-values.js';
import { distribution, durationText, quantity, text, toDistribution, wholeNumber } from './schema-values.js';
import type { CostProfile } from './types.js';
import { bytes, duration } from './units.js';

/** Cost profiles as zod schemas, and their conversion to `CostProfile`. Every field may be left out where a profile extends another. */

const time = durationText;
const dist = distribution;

const network = {
  sameHost: dist('Round trip between processes of one machine.'),
  sameZone: dist('Round trip within a zone.'),
  crossZone: dist('Round trip between zones.'),
  external: dist('Round trip from users outside to the edge of the cluster.'),
  bytesPerSecond: quantity('Bandwidth of a link, bytes a second.'),
  loss: z
    .number({ error: 'expected a number from 0 to 1' })
    .min(0, { error: 'expected a number from 0 to 1' })
    .lt(1, { error: 'expected a number below 1' })
    .describe('Share of the packets between machines that are lost; TCP sends them again after 200 ms. Default 0.'),
  zonePairs: z
    .record(z.string(), dist('Round trip.'))
    .describe('Round trips between two zones, such as `a b`, instead of crossZone.'),
};
const etcd = {
  fsync: dist('One fdatasync of the write-ahead log.'),
  fsyncPerEntry: time('Added to an fsync for each entry beyond the first that it writes. Default 0.'),
  backendCommit: dist('One commit of the bbolt backend.'),
  cores: wholeNumber('Processor cores of a member.', 1),
  requestCpu: time('Work for a request before its proposal (gRPC, marshalling) and after its apply.'),
  readyCpu: time('Fixed cost of one Ready of the raft loop.'),
  entryCpu: time('Cost of an entry handled in a Ready.'),
  messageCpu: time('Cost of a raft message received.'),
  applyCpu: time('Cost of applying an entry to the key-value store.'),
  rangeCpu: time('Cost of a range request.'),
  linearizableCpu: time('Added to a range that asks a quorum first. Default 0.'),
  leaderWaitsForFsync: z
    .boolean({ error: 'expected true or false' })
    .describe('The leader sends entries only after its own fsync, as etcd before 2.3. Default false.'),
  watchEventCpu: time('Cost of a watch event sent.'),
  walReplayCpu: time('Reading back one entry of the write-ahead log when a member restarts. Default 0.'),
};
const apiServer = {
  cores: wholeNumber('Processor cores of a kube-apiserver.', 1),
  maxRequestsInFlight: wholeNumber('--max-requests-inflight.', 1),
  maxMutatingRequestsInFlight: wholeNumber('--max-mutating-requests-inflight.', 1),
  requestCpu: z
    .record(z.string(), dist('Processor time of a request.'))
    .describe('Processor time of a request by verb and resource (`create pods`), by verb (`create`), or `default`.'),
  listObjectCpu: time('Processor time of an object in a list answer.'),
  watchEventCpu: time('Processor time of a watch event to one watcher.'),
  encodeNanosecondsPerByte: z
    .number({ error: 'expected a number of nanoseconds' })
    .min(0)
    .describe('Encoding of an object, nanoseconds a byte.'),
  webhook: distribution('A call of an admission webhook, there and back.').optional(),
  rbacBindingCpu: time('Processor time of a role binding that authorization looks at.').optional(),
  rbacRuleCpu: time('Processor time of a rule that authorization compares.').optional(),
};
const factor = (what: string) => z.number({ error: 'expected a number' }).positive().describe(what);
const memory = {
  base: quantity('Bytes of a kube-apiserver without objects and clients.'),
  decodedFactor: factor('Bytes of a decoded object by those of its encoding.'),
  collectorFactor: factor("Heap by what lives in it: Go's collector runs when it has doubled (GOGC=100)."),
  watch: quantity('Bytes of an open watch.'),
  request: quantity('Bytes of a request in flight.'),
  cachedListFactor: factor('Bytes held for a list from the watch cache in flight by those of its encoding.'),
};
const client = {
  eventCpu: time('Decoding one watch event and running the handlers of an informer for it.'),
};
const controllers = {
  syncCpu: z
    .record(z.string(), dist('Processor time of one sync.'))
    .describe('Processor time of one sync by controller (`deployment`), or `default`, from reading the object on.'),
  syncPodCpu: z
    .record(z.string(), time('Processor time for a pod.'))
    .describe('Processor time that a sync takes for each pod it goes through, by controller (`replicaset`, `deployment`). Default 0.')
    .optional(),
  wakeUp: z
    .record(z.string(), dist('Wait of a worker.'))
    .describe("From a key's turn until its worker reads the object from the cache, by controller or `default`. Default 0.")
    .optional(),
  eventDelay: z
    .record(z.string(), dist('Wait of a watch event.'))
    .describe('From the arrival of a watch event at kube-controller-manager until its informer takes it up, by resource or `default`. Default 0.')
    .optional(),
};
const overhead = (what: string) =>
  z
    .number({ error: 'expected a number of at least 1' })
    .min(1, { error: 'expected a number of at least 1' })
    .describe(`Processor time ${what} split over several cores, relative to one core. Default 1.`);
const scheduler = {
  cycleFixed: time('Fixed part of a scheduling cycle.'),
  cyclePerEvaluatedNode: time('Filtering and scoring one node.'),
  failurePerNode: time('Filtering one node in a cycle that finds none.'),
  spreadPerNode: time('Topology spread constraints, each node of the cluster.'),
  antiAffinityPerPod: time('Required pod anti-affinity of the pod, each existing pod that has some.'),
  existingAntiAffinityPerPod: time('Any pod, each existing pod with required anti-affinity. Default 0.'),
  affinityPerPod: time('Required pod affinity, each existing pod.'),
  preferredAffinityPerPod: time('Preferred pod affinity, each existing pod.'),
  evaluatedNodesToDouble: wholeNumber('Evaluated nodes that add once more the cost of each (processor caches). Default: none do.', 1),
  cores: wholeNumber('Cores of the machine: work on nodes and pods uses as many, up to the parallelism. Default 1.', 1),
  evaluatedOverhead: overhead('of evaluated nodes'),
  scanOverhead: overhead('of the scans for spreading and affinity'),
  failureOverhead: overhead('of the nodes of a cycle that finds none, and of dry runs of preemption'),
  garbagePerEvaluatedNode: time('Garbage collection that one evaluated node causes, on average. Default 0.'),
  garbageSlice: time('Garbage collection is paid in slices of this length, by single cycles. Default 0: by each cycle.'),
  defaultSpreadPerNode: time('Default spreading of a pod of a ReplicaSet, StatefulSet or ReplicationController, each node of the cluster. Default 0.'),
  afterPause: z
    .number({ error: 'expected a number of at least 1' })
    .min(1, { error: 'expected a number of at least 1' })
    .describe('A cycle that begins after a pause takes so many times as long (threads wake up, caches are cold). Default 1.'),
};
const times = (description: string) =>
  z.number({ error: 'expected a number' }).min(0, { error: 'expected a number of at least 0' }).optional().describe(`${description} Default 1.`);
const runtimeFactors = z
  .strictObject({
    sandbox: times('RunPodSandbox.'),
    createContainer: times('CreateContainer.'),
    startContainer: times('StartContainer.'),
    stopContainer: times('StopContainer.'),
    stopSandbox: times('StopPodSandbox.'),
  })
  .describe('Factors of one runtime.');
const kubelet = {
  prepare: dist('From the receipt of a pod to its sandbox: admission, cgroups, volumes.'),
  sandbox: dist('RunPodSandbox with its network.'),
  createContainer: dist('CreateContainer.'),
  startContainer: dist('StartContainer.'),
  stopSandbox: dist('StopPodSandbox with its network.'),
  stopContainer: dist('From the end of a process until StopContainer answers. Default: no time.').optional(),
  runtimes: z
    .partialRecord(z.enum(['containerd', 'cri-o', 'docker'], { error: 'expected containerd, cri-o or docker' }), runtimeFactors)
    .optional()
    .describe('How many times longer the steps above take, by container runtime.'),
  contention: z
    .strictObject({
      free: z.number({ error: 'expected a number' }).min(0).describe('So many pods start on a node at once as fast as one.'),
      share: z.number({ error: 'expected a number' }).min(0).describe('Each pod more makes the steps of all this share longer.'),
    })
    .optional()
    .describe('How pods that start on a node at once slow down its container runtime. Default: not at all.'),
  plegRelist: dist('One relist of the pod lifecycle event generator.'),
  probe: dist('One HTTP, TCP or gRPC probe of a healthy process.'),
  execProbe: dist('One probe of handler exec, which starts a process. Default: as `probe`.').optional(),
  imagePresent: time('Finding that an image is present.'),
  pullOverhead: dist('Registry round trips and authentication of a pull.'),
  pullBytesPerSecond: quantity('Download of one pull, compressed bytes a second.'),
  unpackBytesPerSecond: quantity('Unpacking, uncompressed bytes a second.'),
  compression: z
    .number({ error: 'expected a number' })
    .positive()
    .describe('Uncompressed by compressed size of images.'),
  imageLayers: z
    .number({ error: 'expected a number' })
    .int()
    .min(1)
    .optional()
    .describe('Layers of an image, equal in size: each is unpacked while the next ones come. Default 1: nothing overlaps.'),
  statusSyncCpu: time('Work of the status manager for a pod.'),
};
const kubeProxy = {
  sync: dist('One sync of the rules of a node, where no mode of kube-proxy is configured.'),
  iptablesFull: time('iptables mode: a full sync.'),
  iptablesRule: time('iptables mode: each rule that is written.'),
  iptablesPartial: time('iptables mode: a partial sync.'),
  iptablesUnchangedRule: time('iptables mode: each rule, in a partial sync.'),
  nftables: time('nftables mode: a sync.'),
  nftablesService: time('nftables mode: each Service of the table, which every sync lists.'),
  nftablesElement: time('nftables mode: each port and endpoint of Services that changed.'),
  ipvs: time('ipvs mode: a sync.'),
  ipvsElement: time('ipvs mode: each virtual or real server that changed.'),
  iptablesLookup: time('iptables mode: added to the first packet of a connection for each Service that stands before.'),
  mapLookup: time('ipvs and nftables mode: added to the first packet of a connection.'),
  spread: z
    .number({ error: 'expected a number' })
    .min(0)
    .describe('Spread of the duration of a sync: sigma of a lognormal factor.'),
};
const dns = {
  upstream: dist('From a query that CoreDNS forwards to the answer of the name server outside.'),
  nodeLocal: dist('An answer of NodeLocal DNSCache to a pod of its node.'),
};
const ingress = {
  request: dist("An ingress controller's own work for a request."),
  reload: dist('From a change of an Ingress until its controller works by it.'),
};
const volumes = {
  provision: dist('From the request for a volume until the provisioner (CSI driver and cloud) has made it.'),
  delete: dist('From the release of a volume with reclaim policy Delete until the provisioner has deleted it. Absent: no time.').optional(),
  attach: dist('The cloud attaches a volume to a machine (drivers with a CSIDriver object). Absent: no time.').optional(),
  detach: dist('The cloud detaches a volume from a machine. Absent: no time.').optional(),
  mount: dist('The kubelet mounts an attached volume. Absent: no time.').optional(),
};
const kwok = {
  preprocessCpu: time('Choosing the next stage of a changed Pod or Node.'),
  playCpu: time('Rendering the template of a stage and checking what its patch changes.'),
  leaseCpu: time('Renewing the lease of one node.'),
};
const share = (description: string) =>
  z.number({ error: 'expected a number from 0 to 1' }).min(0, { error: 'expected a number from 0 to 1' }).max(1, { error: 'expected a number from 0 to 1' }).describe(description);
const background = {
  cpu: z
    .record(z.string(), time('Processor time of a message.'))
    .describe('Processor time of a request answered or sent, and of a watch event received, that nobody waits for, by process: etcd, kube-controller-manager, kube-scheduler, kwok-controller.'),
  request: time('Processor time of a request at kube-apiserver in all, of which apiServer.requestCpu comes before the answer and the rest after it. Default 0.'),
  requestWait: z
    .record(z.string(), time('Wait of a request.'))
    .describe('What the answer to a request waits for at kube-apiserver beside cores and etcd, by verb and resource (`create nodes`). Default 0.'),
  whenBusy: z
    .record(z.string(), share('Share of the work.'))
    .describe('Share of it that is left while all cores have something else to do, by process, `default` for the others. Default 1.'),
  aged: factor('How many times longer a kind of request takes after the phase in which most of it was recorded (conformance calibration). Default 1.'),
};
const requests = {
  imageBytes: quantity('Compressed size of an image whose behaviour states none.'),
  connectTimeout: time('Until a client gives up connecting to a dead machine.'),
};

const routes = {
  propagation: dist('From the change of a route until the proxies of its mesh or gateway divide the traffic by it.'),
};
const price = (description: string) => z.number({ error: 'expected a price' }).min(0).describe(description);
const prices = {
  cpuHour: price('A requested core for an hour.'),
  memoryHour: price('A requested GiB of memory for an hour.'),
};

const groups = { routes, prices, network, etcd, apiServer, memory, client, controllers, scheduler, kubelet, kubeProxy, dns, ingress, volumes, kwok, background, requests };

/** Fields that a complete profile may lack. */
const optionalFields: ReadonlySet<unknown> = new Set<unknown>([
  network.loss,
  network.zonePairs,
  apiServer.webhook,
  apiServer.rbacBindingCpu,
  apiServer.rbacRuleCpu,
  etcd.fsyncPerEntry,
  etcd.linearizableCpu,
  etcd.leaderWaitsForFsync,
  scheduler.existingAntiAffinityPerPod,
  scheduler.evaluatedNodesToDouble,
  scheduler.cores,
  scheduler.evaluatedOverhead,
  scheduler.scanOverhead,
  scheduler.failureOverhead,
  scheduler.garbagePerEvaluatedNode,
  scheduler.garbageSlice,
  etcd.walReplayCpu,
  ...Object.values(memory),
  controllers.syncPodCpu,
  controllers.wakeUp,
  controllers.eventDelay,
  kubelet.stopContainer,
  kubelet.execProbe,
  kubelet.runtimes,
  kubelet.contention,
  kubelet.imageLayers,
  routes.propagation,
  prices.cpuHour,
  prices.memoryHour,
  scheduler.defaultSpreadPerNode,
  scheduler.afterPause,
  volumes.delete,
  ...Object.values(background),
]);

const groupDescriptions: Readonly<Record<keyof typeof groups, string>> = {
  network: 'Round-trip times by distance, and bandwidth.',
  etcd: 'Disk and processor of an etcd member.',
  apiServer: 'Processor of a kube-apiserver.',
  memory: 'Memory of a kube-apiserver.',
  client: 'Processor of informers.',
  controllers: 'Processor of the controllers.',
  scheduler: 'Processor of a scheduling cycle.',
  kubelet: 'Durations of the container runtime and the kubelet.',
  kubeProxy: 'Durations of kube-proxy.',
  dns: "Durations of the cluster's DNS.",
  ingress: 'Durations of ingress controllers.',
  volumes: 'Durations of persistent volumes.',
  routes: 'Meshes and gateways.',
  prices: 'Money.',
  kwok: "Processor of KWOK's controllers.",
  background: 'Processor time beside what anybody waits for, paid where processes share cores (cluster.controlPlaneCores).',
  requests: 'Defaults of requests and images.',
};

const disk = z
  .strictObject({ fsync: etcd.fsync, backendCommit: etcd.backendCommit.optional() })
  .describe('A class of disk: what replaces etcd.fsync and etcd.backendCommit.');

const overrides = {
  network: z.strictObject(network).partial().describe(groupDescriptions.network),
  etcd: z.strictObject(etcd).partial().describe(groupDescriptions.etcd),
  apiServer: z.strictObject(apiServer).partial().describe(groupDescriptions.apiServer),
  memory: z.strictObject(memory).partial().describe(groupDescriptions.memory),
  client: z.strictObject(client).partial().describe(groupDescriptions.client),
  controllers: z.strictObject(controllers).partial().describe(groupDescriptions.controllers),
  scheduler: z.strictObject(scheduler).partial().describe(groupDescriptions.scheduler),
  kubelet: z.strictObject(kubelet).partial().describe(groupDescriptions.kubelet),
  kubeProxy: z.strictObject(kubeProxy).partial().describe(groupDescriptions.kubeProxy),
  dns: z.strictObject(dns).partial().describe(groupDescriptions.dns),
  ingress: z.strictObject(ingress).partial().describe(groupDescriptions.ingress),
  volumes: z.strictObject(volumes).partial().describe(groupDescriptions.volumes),
  routes: z.strictObject(routes).partial().describe(groupDescriptions.routes),
  prices: z.strictObject(prices).partial().describe(groupDescriptions.prices),
  kwok: z.strictObject(kwok).partial().describe(groupDescriptions.kwok),
  background: z.strictObject(background).partial().describe(groupDescriptions.background),
  requests: z.strictObject(requests).partial().describe(groupDescriptions.requests),
  disks: z.record(z.string(), disk).describe('Classes of disk by name, for cluster.etcd.disk.'),
};

/** A profile file, and the map form of `profile` in a scenario. */
export const profileOverrides = z
  .strictObject({
    extends: text(
      'Profile that this one changes: a name that comes with towtank, or a file. Default, in a scenario: `default`.',
    ).optional(),
    description: text('What the profile stands for.').optional(),
    ...overrides,
  })
  .partial()
  .describe('A cost profile: every duration that is not a rule of Kubernetes or etcd.');

export type RawProfile = z.infer<typeof profileOverrides>;

/** Lays one profile over another, field by field; maps by verb, by controller and of disks key by key. */
export function layProfile(base: RawProfile, over: RawProfile): RawProfile {
  const result: Record<string, unknown> = { ...base };
  for (const [group, fields] of Object.entries(over)) {
    if (typeof fields !== 'object') continue;
    const merged: Record<string, unknown> = { ...(base[group as keyof RawProfile] as object | undefined) };
    for (const [key, value] of Object.entries(fields)) {
      const keyed = ['requestCpu', 'syncCpu', 'wakeUp', 'eventDelay', 'runtimes', 'cpu', 'requestWait', 'whenBusy', 'syncPodCpu'].includes(key);
      merged[key] =
        keyed && group !== 'etcd' ? { ...(merged[key] as object | undefined), ...(value as object) } : value;
    }
    result[group] = merged;
  }
  delete result.extends;
  return result as RawProfile;
}

/** Names of the fields that a complete profile lacks, such as `etcd.fsync`. */
export function missingFields(raw: RawProfile): string[] {
  const missing: string[] = [];
  for (const [group, fields] of Object.entries(groups)) {
    const given = raw[group as keyof typeof groups] as Record<string, unknown> | undefined;
    for (const [field, schema] of Object.entries(fields)) {
      if (given?.[field] === undefined && !optionalFields.has(schema)) missing.push(`${group}.${field}`);
    }
  }
  for (const [group, field] of [
    ['apiServer', 'requestCpu'],
    ['controllers', 'syncCpu'],
  ] as const) {
    const map = (raw[group] as Record<string, Record<string, unknown>> | undefined)?.[field];
    if (map !== undefined && map.default === undefined) missing.push(`${group}.${field}.default`);
  }
  return missing;
}

/** The profile as the models read it; `raw` must be complete. */
export function toCostProfile(name: string, raw: RawProfile): CostProfile {
  const result: Record<string, unknown> = { name };
  for (const [group, fields] of Object.entries(groups)) {
    const given = raw[group as keyof typeof groups] as Record<string, unknown> | undefined;
    if (given === undefined) continue;
    const converted: Record<string, unknown> = {};
    for (const [field, schema] of Object.entries(fields)) {
      if (given[field] !== undefined) converted[field] = convert(schema, given[field]);
    }
    result[group] = converted;
  }
  return result as unknown as CostProfile;
}

const distributions: ReadonlySet<unknown> = new Set<unknown>([
  ...[network.sameHost, network.sameZone, network.crossZone, network.external, etcd.fsync, etcd.backendCommit],
  ...[kubelet.prepare, kubelet.sandbox, kubelet.createContainer, kubelet.startContainer, kubelet.stopContainer, kubelet.stopSandbox],
  ...[kubelet.plegRelist, kubelet.probe, kubelet.execProbe, kubelet.pullOverhead, kubeProxy.sync, routes.propagation, apiServer.webhook, dns.upstream, dns.nodeLocal, ingress.request, ingress.reload],
  ...[volumes.provision, volumes.delete, volumes.attach, volumes.detach, volumes.mount],
]);
const maps: ReadonlySet<unknown> = new Set<unknown>([
  ...[apiServer.requestCpu, controllers.syncCpu, controllers.wakeUp, controllers.eventDelay, network.zonePairs],
]);
const sizes: ReadonlySet<unknown> = new Set<unknown>([
  network.bytesPerSecond,
  kubelet.pullBytesPerSecond,
  kubelet.unpackBytesPerSecond,
  requests.imageBytes,
  ...[memory.base, memory.watch, memory.request],
]);

function convert(schema: unknown, value: unknown): unknown {
  if (distributions.has(schema)) return toDistribution(value as RawDistribution);
  if (schema === background.cpu || schema === background.requestWait || schema === controllers.syncPodCpu) {
    return Object.fromEntries(Object.entries(value as Record<string, string>).map(([key, each]) => [key, duration(each)]));
  }
  if (maps.has(schema)) {
    return Object.fromEntries(
      Object.entries(value as Record<string, RawDistribution>).map(([key, each]) => [key, toDistribution(each)]),
    );
  }
  if (sizes.has(schema)) return bytes(value as string | number);
  return typeof value === 'string' ? duration(value) : value;
}
