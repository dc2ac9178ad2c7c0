import { z } from 'zod';
import { apiClientSchema } from './api-clients.js';
import { profileOverrides } from './profile-schema.js';
import { recordSchema } from './record.js';
import { measurement, webhookGate } from './schema-analysis.js';
import { cluster, type nodeGroup } from './schema-cluster.js';
import { etcdMember, faultTarget, INSTANT, randomFault } from './schema-faults.js';
import { podTrace } from './schema-kwok.js';
import { traffic } from './schema-traffic.js';
import { durationText, percent, text, wholeNumber } from './schema-values.js';
import { behaviour, metric } from './schema-workload.js';

/** The scenario file as a zod schema: what is checked on loading and what `towtank schema` prints for editors. */

const namespace = text('Namespace of the object; default `default`.').optional();
const image = text('Image reference with tag, as a manifest would name it.');

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

const INSTANT_EXPECTED =
  'expected a duration such as 5m, or an instant of the rollout such as "rollout + 10s", "rollout 50%" or "rollout end"';

const timelineEntry = z.strictObject({
  at: z
    .string({ error: INSTANT_EXPECTED })
    .regex(INSTANT, { error: INSTANT_EXPECTED })
    .describe(
      'When, in simulated time from the start. A scale at 0s is part of the warm start. Or relative to the rollout: `rollout + 10s`, `rollout 50%` (when half of the replicas of the new version are ready), `rollout end + 1m`; looked at each second.',
    ),
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
    .describe(
      'What a kubelet serves at that moment under /healthz, /pods and /spec, and the environments of its containers, go into the output as `kubelet.NODE.SECONDSs.json`.',
    ),
  staticPod: z
    .strictObject({
      node: text('Name of the node.'),
      apply: text(
        'File with Pod manifests, which are written into the directory; a pod of the same name is replaced.',
      ).optional(),
      remove: text('Name of a pod, or `NAMESPACE/NAME`, as its manifest has it: its file is removed.').optional(),
    })
    .optional()
    .describe('The directory of static pods of a machine changes.'),
  shutdown: z
    .strictObject({ node: text('Name of the node.') })
    .optional()
    .describe(
      'A machine shuts down, gracefully where the kubelets have a shutdownGracePeriod; it comes back with `heal`.',
    ),
  restart: z
    .strictObject({
      apiServer: wholeNumber('Number of a kube-apiserver process, from 0.', 0).optional(),
      kubelet: text('Name of a node, or `*` for all: its kubelet ends and starts again; containers run on.').optional(),
      runtime: text(
        'Name of a node, or `*` for all: its container runtime ends and starts again; containers run on.',
      ).optional(),
      every: durationText('With `*`: from one node to the next. Default 0s.').optional(),
      shutdownDelay: durationText(
        'It serves on for this long first (--shutdown-delay-duration). Default 0s.',
      ).optional(),
      start: durationText('From the end of the process until it starts again. Default 0s.').optional(),
    })
    .optional()
    .describe(
      'A kube-apiserver ends gracefully (requests in flight are finished, watches closed) and starts again, or a kubelet or container runtime does.',
    ),
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
        .strictObject({
          step: wholeNumber('Per cent more at each step.', 1, 100),
          pause: durationText('Wait after each step.'),
        })
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
        .describe(
          'A route (Gateway API) divides the traffic: by the weight of the step; by header or cookie, an A/B test of the share that the traffic states as its `cohort`; or users stay and the share is mirrored, a shadow. Default: the share of the pods divides it.',
        ),
    })
    .optional()
    .describe('A growing share of pods, or of the traffic, goes to the new version, with pauses in between.'),
  rollback: z
    .strictObject({
      timeout: durationText(
        '`kubectl rollout status --timeout` of each wait. Default: until the progress deadline of the Deployment.',
      ).optional(),
      analysis: z
        .strictObject({
          interval: durationText('How often the new version is judged. Default 10s.').optional(),
          window: durationText('How far it looks back. Default 30s.').optional(),
          failureLimit: wholeNumber('Bad looks that are forgiven. Default 0.', 0).optional(),
          objectives: z
            .array(text('`errors < 1%`, `latency p99 < 500ms`, `restarts < 1`.'))
            .min(1, { error: 'expected at least one objective' })
            .describe(
              'What the new version must meet: the share of its answers that are errors, a quantile of their latency, how often its containers restarted.',
            ),
          watch: durationText('It goes on for so long after the rollout is complete. Default 0s.').optional(),
        })
        .optional()
        .describe('Objectives that the new version must meet while it is rolled out.'),
    })
    .optional()
    .describe(
      'The pipeline takes the version back by itself when the progress deadline is exceeded (`kubectl rollout undo`, or the way back of the strategy), and when the analysis says so.',
    ),
});

const STRATEGY = 'expected recreate, ramped, blueGreen, or a map such as { canary: { steps: […] } }';
const strategyName = z.enum(['recreate', 'ramped', 'blueGreen'], { error: STRATEGY });

const rollout = z.strictObject({
  deployment: text(
    'Name of the Deployment that is rolled out. One that a Canary of Flagger watches over is rolled out by Flagger.',
  ).optional(),
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
  measurements: z
    .array(measurement)
    .optional()
    .describe('What the metrics of analyses find, where their queries do not say it.'),
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
    sample: percent(
      'Only the requests to this share of the pods are simulated, and stand for the others; 100%: all. Default: all up to 10 million expected requests, beyond that a share for 4 million, where proxies choose at random.',
    ).optional(),
    clients: z
      .array(apiClientSchema)
      .optional()
      .describe('Programs that use the API beside the components of the cluster.'),
    timeline: z.array(timelineEntry).optional().describe('What happens when.'),
    faults: z
      .array(randomFault)
      .optional()
      .describe(
        'What breaks at random, and how it is repaired. The same seed gives every strategy and variant the same faults.',
      ),
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
