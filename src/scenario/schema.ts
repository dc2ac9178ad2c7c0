import { z } from 'zod';
import { ADMISSION_PLUGINS } from '../api/admission-kinds.js';
import { CONTROLLER_GATE_NAMES, CONTROLLER_GATES, type ControllerGate } from '../api/controller-gates.js';
import { apiClientSchema } from './api-clients.js';
import { etcdSchema } from './etcd-schema.js';
import { profileOverrides } from './profile-schema.js';
import { recordSchema } from './record.js';
import { etcdMember, faultTarget, INSTANT, randomFault } from './schema-faults.js';
import { groupKubeletSchema, kubeletSchema } from './schema-kubelet.js';
import { kwok, podTrace } from './schema-kwok.js';
import { traffic } from './schema-traffic.js';
import { measurement, webhookGate } from './schema-analysis.js';
import { count, distribution, durationText, percent, quantity, text, wholeNumber } from './schema-values.js';
import { behaviour, metric } from './schema-workload.js';

/** The scenario file as a zod schema: what is checked on loading and what `towtank schema` prints for editors. */

const namespace = text('Namespace of the object; default `default`.').optional();
const image = text('Image reference with tag, as a manifest would name it.');

const nodeGroup = z.strictObject({
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
    .describe('What is in the directory of static pods (staticPodPath) of each of these machines. Their kubelets run them first, without the API, and keep a mirror of each there.'),
  inodes: count('Inodes of the disk of each machine, for nodefs.inodesFree and imagefs.inodesFree. Default: enough.').optional(),
  processIds: count('Process ids of each machine (kernel.pid_max), for pid.available. Default: enough.').optional(),
  kubelet: groupKubeletSchema.optional(),
  supervisor: z
    .enum(['systemd', 'none'], { error: 'expected systemd or none' })
    .optional()
    .describe('Who starts a kubelet or container runtime again that dies (`fail: { kubelet: … }`). Default systemd, with the units that the projects bring.'),
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

const cluster = z.strictObject({
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
    .describe('--enable-priority-and-fairness of kube-apiserver. Default true; false: 400 reading and 200 writing requests in flight at most, all others are refused with 429.'),
  eventTtl: durationText('--event-ttl of kube-apiserver: how long etcd keeps events, whole seconds; 0s: for ever. Default 1h, in runs of more than 30 minutes (in shorter ones none would go).').optional(),
  loadBalancer: z
    .strictObject({
      interval: durationText('Between two checks of a server. Default 2s.').optional(),
      fall: wholeNumber('Checks in a row that must fail before a server gets no new connections. Default 3.', 1).optional(),
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
    .describe('true: Deployments of the manifests have their pods running from the beginning, placed on nodes in turn; the warm start of a large cluster takes seconds then. Default false: controllers and scheduler bring them up. Pods with affinity, spreading or claims are always scheduled.'),
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
      loadBalancer: distribution('From a Service of type LoadBalancer until the cloud has made (or removed) its load balancer: 60s.'),
    })
    .optional()
    .describe('A cloud controller manager, which makes load balancers one after the other and writes their addresses. Default: load balancers are there at once.'),
  registries: z
    .array(
      z.strictObject({
        host: text('Host of the registry as images name it: `registry.example`; `docker.io` for images without one.'),
        bandwidth: quantity('Bytes a second that it sends to all nodes together: 1G.'),
      }),
    )
    .optional()
    .describe('Image registries whose bandwidth is limited. Others are limited by the nodes alone (profile: kubelet.pullBytesPerSecond).'),
  kubeProxy: z
    .strictObject({
      mode: z
        .enum(['iptables', 'ipvs', 'nftables'], { error: 'expected iptables, ipvs or nftables' })
        .optional()
        .describe('--proxy-mode: syncs cost by what this mode writes. Default: that of the configuration, or of the ConfigMap kube-system/kube-proxy among the manifests; without them all syncs take what the cost profile says.'),
      configuration: text('KubeProxyConfiguration file (v1alpha1), relative to the scenario, or a ConfigMap that holds one.').optional(),
      minSyncPeriod: durationText('Least time between two syncs of the rules. Default 1s; ipvs: 0s.').optional(),
      extraDelay: durationText('Added before each sync, to see what late proxies do. Default 0s.').optional(),
      failures: percent('Share of the syncs that fail (the lock of iptables is held by others, a rule is refused): all is tried again at the next change, or within syncPeriod (30 s). Default 0%.').optional(),
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

const schedulerPerf = z.strictObject({
  config: z
    .union([text('File performance-config.yaml.'), z.array(text('File performance-config.yaml.')).min(1)])
    .describe('Files of test cases as they are in test/integration/scheduler_perf, relative to this file.'),
  workloads: z
    .array(text('`SchedulingBasic/5000Nodes`; `*` stands for any characters.'))
    .min(1, { error: 'expected at least one name' })
    .optional()
    .describe('Which workloads, by test case and name. Default: those with the label `performance`.'),
  measured: z
    .record(z.string(), z.number({ error: 'expected a number of pods a second' }).positive())
    .optional()
    .describe('Pods a second that the real scheduler was measured to place, by workload: printed beside.'),
});

const INSTANT_EXPECTED = 'expected a duration such as 5m, or an instant of the rollout such as "rollout + 10s", "rollout 50%" or "rollout end"';

const timelineEntry = z.strictObject({
  at: z
    .string({ error: INSTANT_EXPECTED })
    .regex(INSTANT, { error: INSTANT_EXPECTED })
    .describe('When, in simulated time from the start. A scale at 0s is part of the warm start. Or relative to the rollout: `rollout + 10s`, `rollout 50%` (when half of the replicas of the new version are ready), `rollout end + 1m`; looked at each second.'),
  apply: z
    .union([text('File with manifests.'), z.array(text('File with manifests.'))])
    .optional()
    .describe('Creates or updates the objects of these files, as `kubectl apply -f`.'),
  setImage: z
    .strictObject({
      deployment: text('Name of a Deployment.'),
      namespace,
      container: text('Name of a container; default the first.').optional(),
      image,
    })
    .optional()
    .describe('As `kubectl set image`.'),
  scale: z
    .strictObject({
      deployment: text('Name of a Deployment.'),
      namespace,
      replicas: wholeNumber('Desired replicas.', 0),
    })
    .optional()
    .describe('As `kubectl scale`.'),
  delete: z
    .strictObject({ object: text('`KIND/NAME` such as deployment/frontend or node/node-3.'), namespace })
    .optional()
    .describe('As `kubectl delete`.'),
  kubectl: text(
    'A kubectl command line: create, apply, get, rollout status, rollout undo, scale, set image, delete, cordon, uncordon, drain, argo rollouts promote, abort and retry. `delete` takes a kind with --all, too. --as and --as-group name the user whose roles decide.',
  ).optional(),
  fail: faultTarget.optional().describe('Breaks something.'),
  for: durationText('With `fail`: repaired after this. Default: never, unless `heal` does.').optional(),
  heal: faultTarget.optional().describe('Repairs what `fail` broke.'),
  defragment: z
    .strictObject({
      etcd: etcdMember('An etcd member: its number from 0, or its name.'),
      duration: durationText(
        'How long it blocks the member. Default: by the size of its data, 15 s for 4.1 GB.',
      ).optional(),
    })
    .optional()
    .describe('As `etcdctl defrag` of one member: its reads, writes and applies wait until it is over.'),
  moveLeader: z
    .strictObject({ etcd: etcdMember('The etcd member that is to lead: its number from 0, or its name.') })
    .optional()
    .describe('As `etcdctl move-leader`.'),
  disarmAlarms: z
    .strictObject({ etcd: etcdMember('A member of the etcd cluster. Default 0, of the main cluster.').optional() })
    .nullable()
    .optional()
    .describe('As `etcdctl alarm disarm`: writes that NOSPACE or CORRUPT had stopped go on.'),
  corrupt: z
    .strictObject({ etcd: etcdMember('The etcd member: its number from 0, or its name.') })
    .optional()
    .describe("A bit flips in the file of a member's database: see corruptCheckTime and initialCorruptCheck."),
  inspect: z
    .strictObject({ kubelet: text('Name of a node, or `*` for all.') })
    .optional()
    .describe('What a kubelet serves at that moment under /healthz, /pods and /spec, and the environments of its containers, go into the output as `kubelet.NODE.SECONDSs.json`.'),
  staticPod: z
    .strictObject({
      node: text('Name of the node.'),
      apply: text('File with Pod manifests, which are written into the directory; a pod of the same name is replaced.').optional(),
      remove: text('Name of a pod, or `NAMESPACE/NAME`, as its manifest has it: its file is removed.').optional(),
    })
    .optional()
    .describe('The directory of static pods of a machine changes.'),
  shutdown: z
    .strictObject({ node: text('Name of the node.') })
    .optional()
    .describe('A machine shuts down, gracefully where the kubelets have a shutdownGracePeriod; it comes back with `heal`.'),
  restart: z
    .strictObject({
      apiServer: wholeNumber('Number of a kube-apiserver process, from 0.', 0).optional(),
      kubelet: text('Name of a node, or `*` for all: its kubelet ends and starts again; containers run on.').optional(),
      runtime: text('Name of a node, or `*` for all: its container runtime ends and starts again; containers run on.').optional(),
      every: durationText('With `*`: from one node to the next. Default 0s.').optional(),
      shutdownDelay: durationText('It serves on for this long first (--shutdown-delay-duration). Default 0s.').optional(),
      start: durationText('From the end of the process until it starts again. Default 0s.').optional(),
    })
    .optional()
    .describe('A kube-apiserver ends gracefully (requests in flight are finished, watches closed) and starts again, or a kubelet or container runtime does.'),
});

const variant = z
  .looseObject({ name: text('Name in the results, and for `towtank run --variant`.') })
  .describe('Keys of a scenario; maps are merged with those of the base scenario, everything else replaces it.');

const intOrPercent = z
  .union([z.int().min(0), z.string().regex(/^\d+%$/)], { error: 'expected a whole number or a percentage such as 25%' })
  .describe('A number of pods or a percentage of the replicas.');

const strategy = z.strictObject({
  name: text('Name in the results; default the kind.').optional(),
  recreate: z
    .strictObject({})
    .nullable()
    .optional()
    .describe('All old pods stop before new ones start (Deployment strategy Recreate).'),
  ramped: z
    .strictObject({ maxSurge: intOrPercent.optional(), maxUnavailable: intOrPercent.optional() })
    .nullable()
    .optional()
    .describe('Deployment strategy RollingUpdate; by default with what the Deployment says.'),
  blueGreen: z
    .strictObject({ hold: durationText('How long the old version is kept after the switch. Default 30s.').optional() })
    .nullable()
    .optional()
    .describe('A full second set of pods; the Service switches over when all are available.'),
  canary: z
    .strictObject({
      steps: z
        .array(
          z.strictObject({
            weight: wholeNumber('Per cent of the replicas on the new version.', 1, 100),
            pause: durationText('Wait after this step is available.'),
          }),
        )
        .min(1, { error: 'expected at least one step' })
        .optional()
        .describe('Steps in order; after the last one all pods are replaced.'),
      linear: z
        .strictObject({ step: wholeNumber('Per cent more at each step.', 1, 100), pause: durationText('Wait after each step.') })
        .optional()
        .describe('Steps of equal size, instead of `steps`.'),
      exponential: z
        .strictObject({
          from: wholeNumber('Per cent at the first step.', 1, 100),
          factor: wholeNumber('How many times more at each step. Default 2.', 2, 100).optional(),
          pause: durationText('Wait after each step.'),
        })
        .optional()
        .describe('Steps that grow by a factor, instead of `steps`.'),
      routing: z
        .enum(['weight', 'cohort', 'mirror'], { error: 'expected weight, cohort or mirror' })
        .optional()
        .describe('A route (Gateway API) divides the traffic: by the weight of the step; by header or cookie, an A/B test of the share that the traffic states as its `cohort`; or users stay and the share is mirrored, a shadow. Default: the share of the pods divides it.'),
    })
    .optional()
    .describe('A growing share of pods, or of the traffic, goes to the new version, with pauses in between.'),
  rollback: z
    .strictObject({
      timeout: durationText('`kubectl rollout status --timeout` of each wait. Default: until the progress deadline of the Deployment.').optional(),
      analysis: z
        .strictObject({
          interval: durationText('How often the new version is judged. Default 10s.').optional(),
          window: durationText('How far it looks back. Default 30s.').optional(),
          failureLimit: wholeNumber('Bad looks that are forgiven. Default 0.', 0).optional(),
          objectives: z
            .array(text('`errors < 1%`, `latency p99 < 500ms`, `restarts < 1`.'))
            .min(1, { error: 'expected at least one objective' })
            .describe('What the new version must meet: the share of its answers that are errors, a quantile of their latency, how often its containers restarted.'),
          watch: durationText('It goes on for so long after the rollout is complete. Default 0s.').optional(),
        })
        .optional()
        .describe('Objectives that the new version must meet while it is rolled out.'),
    })
    .optional()
    .describe('The pipeline takes the version back by itself when the progress deadline is exceeded (`kubectl rollout undo`, or the way back of the strategy), and when the analysis says so.'),
});

const STRATEGY = 'expected recreate, ramped, blueGreen, or a map such as { canary: { steps: […] } }';
const strategyName = z.enum(['recreate', 'ramped', 'blueGreen'], { error: STRATEGY });

const rollout = z.strictObject({
  deployment: text('Name of the Deployment that is rolled out. One that a Canary of Flagger watches over is rolled out by Flagger.').optional(),
  rollout: text('Name of the Rollout of Argo Rollouts that is rolled out, instead of a Deployment.').optional(),
  namespace,
  container: text('Container whose image changes; default the first.').optional(),
  image,
  at: durationText('When it starts.'),
  strategies: z
    .array(z.union([strategyName, strategy], { error: STRATEGY }))
    .min(1, { error: 'expected at least one strategy' })
    .optional()
    .describe('Strategies that `towtank compare` tries one after the other. Default: ramped as the Deployment says.'),
  measurements: z.array(measurement).optional().describe('What the metrics of analyses find, where their queries do not say it.'),
  webhooks: z.array(webhookGate).optional().describe('When webhooks of a Canary refuse. Others let everything pass.'),
});

/** Everything in a scenario file. */
export const scenarioSchema = z
  .strictObject({
    $schema: z.string().optional().describe('JSON Schema, for editors.'),
    name: text('Name of the results; default the name of the file.').optional(),
    question: text('The question that this scenario answers; printed above the answer.').optional(),
    kubernetesVersion: z
      .union([z.enum(['1.34', '1.35', '1.36']), z.literal(1.34), z.literal(1.35), z.literal(1.36)], {
        error: 'expected "1.34", "1.35" or "1.36"',
      })
      .optional()
      .describe('Behaviour of this release. Default "1.34".'),
    seed: z
      .union([z.string(), z.int()], { error: 'expected text or a whole number' })
      .optional()
      .describe('Seed of all random streams. Default 1.'),
    startTime: text('RFC 3339 instant of simulated time 0. Default 2025-01-01T00:00:00Z.').optional(),
    duration: durationText('When the run ends at the latest. Default 10m.').optional(),
    profile: z
      .union([text('Name of a profile that comes with towtank, or file of one.'), profileOverrides])
      .optional()
      .describe('Cost profile: a name, a file, or a map of changes to one (`extends`). Default `default`.'),
    cluster: cluster.optional().describe('Shape of the cluster; required, but not with schedulerPerf.'),
    schedulerPerf: schedulerPerf
      .optional()
      .describe("Workloads of Kubernetes' scheduler_perf, instead of manifests and a timeline."),
    namespace: text('Namespace of objects whose manifest names none. Default `default`.').optional(),
    manifests: z
      .union([text('File or folder with manifests.'), z.array(text('File or folder with manifests.'))])
      .optional()
      .describe('Kubernetes manifests of the start state, relative to this file: YAML, JSON, List, kubectl dumps.'),
    behaviour: z.array(behaviour).optional().describe('What the application in each image does.'),
    traffic: z.array(traffic).optional().describe('Users and the Services that they call.'),
    sample: percent('Only the requests to this share of the pods are simulated, and stand for the others; 100%: all. Default: all up to 10 million expected requests, beyond that a share for 4 million, where proxies choose at random.').optional(),
    clients: z.array(apiClientSchema).optional().describe('Programs that use the API beside the components of the cluster.'),
    timeline: z.array(timelineEntry).optional().describe('What happens when.'),
    faults: z.array(randomFault).optional().describe('What breaks at random, and how it is repaired. The same seed gives every strategy and variant the same faults.'),
    metrics: z
      .array(metric)
      .optional()
      .describe(
        'Pods, Object and External metrics for HorizontalPodAutoscalers. Cpu and memory come from the pods themselves.',
      ),
    podTrace: podTrace.optional(),
    record: recordSchema.optional().describe('What the run records. Verdicts and summary.json do not depend on it.'),
    rollout: rollout.optional().describe('The rollout in question.'),
    objectives: z
      .array(
        text(
          '`errors < 0.1%`, `latency p99 < 250ms`, `rollout duration < 8m`, `availability > 80%`, `surge < 5000`, `api write p99 < 50ms`, `api errors < 0.1%`, `api unanswered < 0.1%`, `etcd commit p99 < 25ms`, `pod startup p99 < 5s`.',
        ),
      )
      .optional()
      .describe('Service levels; the run succeeds when all are met.'),
    variants: z
      .array(variant)
      .min(1, { error: 'expected at least one variant' })
      .optional()
      .describe('Changes to this scenario that `towtank compare` tries one after the other, each by itself.'),
  })
  .describe('A towtank scenario: a Kubernetes cluster, an application, its users and what happens to them.');

export type RawScenario = z.infer<typeof scenarioSchema>;
export type RawNodeGroup = z.infer<typeof nodeGroup>;
export type RawBehaviour = z.infer<typeof behaviour>;
export type RawTimelineEntry = z.infer<typeof timelineEntry>;
export type { RawFaultTarget, RawRandomFault } from './schema-faults.js';
export type RawStrategy = z.infer<typeof strategy>;
export type RawMetric = z.infer<typeof metric>;
