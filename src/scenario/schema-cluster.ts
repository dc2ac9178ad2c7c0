import { z } from 'zod';
import { ADMISSION_PLUGINS } from '../api/admission-kinds.js';
import { CONTROLLER_GATE_NAMES, CONTROLLER_GATES, type ControllerGate } from '../api/controller-gates.js';
import { etcdSchema } from './etcd-schema.js';
import { groupKubeletSchema, kubeletSchema } from './schema-kubelet.js';
import { kwok } from './schema-kwok.js';
import { count, distribution, durationText, percent, quantity, text, wholeNumber } from './schema-values.js';

/** What a scenario file says of its cluster. */

/** A group of `cluster.nodes`. */
export const nodeGroup = z.strictObject({
  kind: z
    .enum(['kubelet', 'kwok'], { error: 'expected kubelet or kwok' })
    .optional()
    .describe(
      'kubelet: machines with a kubelet and a container runtime (the default). kwok: nodes of KWOK, whose pods go through Stages (annotation kwok.x-k8s.io/node: fake).',
    ),
  count: count('How many nodes of this kind.').optional(),
  zones: z
    .array(text('Name of an availability zone.'))
    .min(1, { error: 'expected at least one zone' })
    .optional()
    .describe(
      'Zones over which the nodes are dealt in turn (label topology.kubernetes.io/zone). Default: one zone, `zone-a`.',
    ),
  region: text('Value of the label topology.kubernetes.io/region; default `region-1`.').optional(),
  name: text('Names are `<name>-0`, `<name>-1`, …; default `node`.').optional(),
  runtime: text(
    'Container runtime: containerd, cri-o or docker, or as nodes report it, `cri-o://1.34.1`. Its costs: profile, kubelet.runtimes. Default: what status.nodeInfo.containerRuntimeVersion of the manifest says, else containerd.',
  ).optional(),
  staticPods: z
    .union([text('File or folder with Pod manifests.'), z.array(text('File or folder with Pod manifests.'))])
    .optional()
    .describe(
      'What is in the directory of static pods (staticPodPath) of each of these machines. Their kubelets run them first, without the API, and keep a mirror of each there.',
    ),
  inodes: count(
    'Inodes of the disk of each machine, for nodefs.inodesFree and imagefs.inodesFree. Default: enough.',
  ).optional(),
  processIds: count('Process ids of each machine (kernel.pid_max), for pid.available. Default: enough.').optional(),
  kubelet: groupKubeletSchema.optional(),
  joins: z
    .strictObject({
      at: durationText('When the machines are switched on.'),
      boot: distribution('From then until the kubelet of a machine starts: { lognormal: { median: 55s, sigma: 0.3 } }. Default: no time.').optional(),
    })
    .optional()
    .describe('These machines are not there at the start: their kubelets register them with the API when they start. Default: all are there.'),
  supervisor: z
    .enum(['systemd', 'none'], { error: 'expected systemd or none' })
    .optional()
    .describe(
      'Who starts a kubelet or container runtime again that dies (`fail: { kubelet: … }`). Default systemd, with the units that the projects bring.',
    ),
  template: z
    .union([text('File with one Node manifest.'), z.record(z.string(), z.unknown())])
    .optional()
    .describe(
      'A Node manifest: the name of a file, relative to the scenario, or the manifest itself. Needs status.capacity or status.allocatable.',
    ),
  dump: text(
    'File with Node objects as `kubectl get nodes -o yaml` or `-o json` prints them; instead of count and template.',
  ).optional(),
});

const clientLimits = {
  qps: z
    .number({ error: 'expected a number of requests a second' })
    .positive({ error: 'expected a number above 0' })
    .optional()
    .describe('--kube-api-qps: requests a second.'),
  burst: wholeNumber('--kube-api-burst.', 1).optional(),
};

const gate = z.boolean({ error: 'expected true or false' }).optional();
const controllerGates = Object.fromEntries(
  CONTROLLER_GATE_NAMES.map((name) => [name, gate.describe(CONTROLLER_GATES[name].about)]),
) as Readonly<Record<ControllerGate, typeof gate>>;

const webhook = z.strictObject({
  name: text('Name of the webhook, as a MutatingWebhookConfiguration or ValidatingWebhookConfiguration has it.'),
  latency: distribution('From the call to its answer. Default: `apiServer.webhook` of the cost profile.').optional(),
  failures: percent('Share of calls that get no answer (connection refused). Default 0.').optional(),
  denials: percent('Share of requests that it denies. Default 0.').optional(),
  message: text('Why it denies them.').optional(),
  labels: z.record(z.string(), z.string()).optional().describe('Labels that a mutating webhook adds to objects.'),
  annotations: z
    .record(z.string(), z.string())
    .optional()
    .describe('Annotations that a mutating webhook adds to objects.'),
});

/** `cluster:` of a scenario. */
export const cluster = z.strictObject({
  nodes: z
    .array(nodeGroup)
    .min(1, { error: 'expected at least one group of nodes' })
    .optional()
    .describe('Groups of nodes; required, but not with schedulerPerf, whose workloads create their own.'),
  etcd: etcdSchema.optional().describe('The etcd cluster.'),
  apiServers: wholeNumber('Number of kube-apiserver processes. Default 1.', 1, 99).optional(),
  controlPlaneReplicas: wholeNumber(
    'Processes of kube-controller-manager and of kube-scheduler; one of each leads, the others stand by. Default 1.',
    1,
    9,
  ).optional(),
  priorityAndFairness: z
    .boolean({ error: 'expected true or false' })
    .optional()
    .describe(
      '--enable-priority-and-fairness of kube-apiserver. Default true; false: 400 reading and 200 writing requests in flight at most, all others are refused with 429.',
    ),
  eventTtl: durationText(
    '--event-ttl of kube-apiserver: how long etcd keeps events, whole seconds; 0s: for ever. Default 1h, in runs of more than 30 minutes (in shorter ones none would go).',
  ).optional(),
  loadBalancer: z
    .strictObject({
      interval: durationText('Between two checks of a server. Default 2s.').optional(),
      fall: wholeNumber(
        'Checks in a row that must fail before a server gets no new connections. Default 3.',
        1,
      ).optional(),
      rise: wholeNumber('Checks in a row that must succeed before it gets some again. Default 2.', 1).optional(),
    })
    .optional()
    .describe(
      "A balancer of TCP connections between clients and API servers that asks each for /readyz (defaults: HAProxy's). Connections stay where they are while their server lives. Default: clients know all servers, and at once which of them are up.",
    ),
  controlPlaneMemory: quantity(
    'Memory of each machine of the control plane, for its kube-apiserver and the database of its etcd member (stacked): `8Gi`. An API server that needs more is killed, and started again by its kubelet. Default: there is enough.',
  ).optional(),
  controlPlaneCores: wholeNumber(
    'Cores of each machine of the control plane, shared by its kube-apiserver, etcd member (stacked), kube-controller-manager, kube-scheduler and kwok. A fair kernel divides them: who uses no more than its share does not wait. Default: each has what the cost profile says, for itself.',
    1,
    1024,
  ).optional(),
  settled: z
    .boolean({ error: 'expected true or false' })
    .optional()
    .describe(
      'true: Deployments of the manifests have their pods running from the beginning, placed on nodes in turn; the warm start of a large cluster takes seconds then. Default false: controllers and scheduler bring them up. Pods with affinity, spreading or claims are always scheduled.',
    ),
  informerQueue: z
    .enum(['RealFIFO', 'DeltaFIFO'], { error: 'expected RealFIFO or DeltaFIFO' })
    .optional()
    .describe('Queue of the informers: RealFIFO (the default since 1.33) or the classic DeltaFIFO.'),
  controllerManager: z
    .strictObject({
      ...clientLimits,
      featureGates: z
        .strictObject(controllerGates)
        .optional()
        .describe('kube-controller-manager --feature-gates. Default: as the Kubernetes release has them.'),
      legacyServiceAccountTokenCleanUpPeriod: durationText('--legacy-service-account-token-clean-up-period: unused token Secrets of ServiceAccounts are marked after it, and deleted after as long again. Default 8760h.').optional(),
    })
    .optional()
    .describe("kube-controller-manager: limits of each controller's own client. Default 20 and 30."),
  scheduler: z
    .strictObject({
      ...clientLimits,
      percentageOfNodesToScore: wholeNumber('0: adaptive (the default).', 0, 100).optional(),
      parallelism: wholeNumber('Workers of the filter and score phases. Default 16.', 1).optional(),
      configuration: text(
        'KubeSchedulerConfiguration file (v1), relative to the scenario. What the scenario itself states beside it holds over the file.',
      ).optional(),
      plugins: z
        .record(z.string(), text('File with the plugin: TypeScript or JavaScript, relative to the scenario.'))
        .optional()
        .describe(
          'Plugins of your own by name: `{ OnlySsd: only-ssd.ts }`. Profiles enable them by that name; without a configuration file the default profile does.',
        ),
    })
    .optional()
    .describe('kube-scheduler. Client limits default 50 and 100.'),
  kubelet: kubeletSchema.optional(),
  cloud: z
    .strictObject({
      loadBalancer: distribution(
        'From a Service of type LoadBalancer until the cloud has made (or removed) its load balancer: 60s. Default: load balancers are there at once.',
      ).optional(),
    })
    .optional()
    .describe(
      'A cloud controller manager: it makes load balancers one after the other and writes their addresses, deletes the Nodes of machines that the cloud has taken away (`fail: { instance: … }`) and taints those that are shut down. Default: none.',
    ),
  registries: z
    .array(
      z.strictObject({
        host: text('Host of the registry as images name it: `registry.example`; `docker.io` for images without one.'),
        bandwidth: quantity('Bytes a second that it sends to all nodes together: 1G.'),
      }),
    )
    .optional()
    .describe(
      'Image registries whose bandwidth is limited. Others are limited by the nodes alone (profile: kubelet.pullBytesPerSecond).',
    ),
  kubeProxy: z
    .strictObject({
      mode: z
        .enum(['iptables', 'ipvs', 'nftables'], { error: 'expected iptables, ipvs or nftables' })
        .optional()
        .describe(
          '--proxy-mode: syncs cost by what this mode writes. Default: that of the configuration, or of the ConfigMap kube-system/kube-proxy among the manifests; without them all syncs take what the cost profile says.',
        ),
      configuration: text(
        'KubeProxyConfiguration file (v1alpha1), relative to the scenario, or a ConfigMap that holds one.',
      ).optional(),
      minSyncPeriod: durationText('Least time between two syncs of the rules. Default 1s; ipvs: 0s.').optional(),
      extraDelay: durationText('Added before each sync, to see what late proxies do. Default 0s.').optional(),
      failures: percent(
        'Share of the syncs that fail (the lock of iptables is held by others, a rule is refused): all is tried again at the next change, or within syncPeriod (30 s). Default 0%.',
      ).optional(),
    })
    .optional()
    .describe('kube-proxy.'),
  kwok: kwok.optional(),
  disableAdmissionPlugins: z
    .array(z.enum(ADMISSION_PLUGINS, { error: 'expected the name of an admission plugin that is on by default' }))
    .optional()
    .describe('kube-apiserver --disable-admission-plugins.'),
  webhooks: z.array(webhook).optional().describe('How the admission webhooks of the manifests behave.'),
});
