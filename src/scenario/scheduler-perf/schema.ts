import { z } from 'zod';

/** performance-config.yaml of scheduler_perf (test/integration/scheduler_perf/scheduler_perf.go, operations.go). */

const parameter = z.string().regex(/^\$\w+$/, { error: 'expected a parameter such as $initNodes' });
const counted = { count: z.int().min(0).optional(), countParam: parameter.optional() };
const labels = z.record(z.string(), z.string());

const nodeAllocatable = z.strictObject({
  nodeAllocatable: labels.optional(),
  csiNodeAllocatable: z.record(z.string(), z.strictObject({ count: z.int() })).optional(),
  migratedPlugins: z.array(z.string()).optional(),
});

const createPods = {
  ...counted,
  namespace: z.string().optional(),
  podTemplatePath: z.string().optional(),
  collectMetrics: z.boolean().optional(),
  skipWaitToCompletion: z.boolean().optional(),
  persistentVolumeTemplatePath: z.string().optional(),
  persistentVolumeClaimTemplatePath: z.string().optional(),
};

/** Operations that are modelled, by opcode. */
export const operations = {
  createNodes: z.strictObject({
    opcode: z.literal('createNodes'),
    ...counted,
    nodeTemplatePath: z.string().optional(),
    labelNodePrepareStrategy: z.strictObject({ labelKey: z.string(), labelValues: z.array(z.string()).min(1) }).optional(),
    nodeAllocatableStrategy: nodeAllocatable.optional(),
  }),
  createNamespaces: z.strictObject({
    opcode: z.literal('createNamespaces'),
    ...counted,
    prefix: z.string(),
    namespaceTemplatePath: z.string().optional(),
  }),
  createPods: z.strictObject({ opcode: z.literal('createPods'), ...createPods }),
  createPodSets: z.strictObject({
    opcode: z.literal('createPodSets'),
    ...counted,
    namespacePrefix: z.string(),
    createPodsOp: z.strictObject({ opcode: z.literal('createPods'), ...createPods }),
  }),
  createAny: z.strictObject({
    opcode: z.literal('createAny'),
    ...counted,
    namespace: z.string().optional(),
    templatePath: z.string(),
  }),
  updateAny: z.strictObject({
    opcode: z.literal('updateAny'),
    ...counted,
    namespace: z.string().optional(),
    templatePath: z.string(),
    updatePerSecond: z.int().min(0).optional(),
    subresources: z.array(z.string()).optional(),
  }),
  deletePods: z.strictObject({
    opcode: z.literal('deletePods'),
    namespace: z.string(),
    labelSelector: labels.optional(),
    deletePodsPerSecond: z.int().min(0).optional(),
    skipWaitToCompletion: z.boolean().optional(),
  }),
  churn: z.strictObject({
    opcode: z.literal('churn'),
    mode: z.enum(['create', 'recreate']),
    number: z.int().min(0).optional(),
    intervalMilliseconds: z.int().min(1).optional(),
    namespace: z.string().optional(),
    templatePaths: z.array(z.string()).min(1),
  }),
  barrier: z.strictObject({
    opcode: z.literal('barrier'),
    namespaces: z.array(z.string()).optional(),
    stageRequirement: z.enum(['Attempted', 'Scheduled']).optional(),
    labelSelector: labels.optional(),
  }),
  sleep: z.strictObject({ opcode: z.literal('sleep'), duration: z.string().optional(), durationParam: parameter.optional() }),
  startCollectingMetrics: z.strictObject({
    opcode: z.literal('startCollectingMetrics'),
    name: z.string().optional(),
    namespaces: z.array(z.string()).min(1),
    labelSelector: labels.optional(),
  }),
  stopCollectingMetrics: z.strictObject({ opcode: z.literal('stopCollectingMetrics') }),
} as const;

const gates = z.record(z.string(), z.boolean());
const workload = z.strictObject({
  name: z.string(),
  params: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])).optional(),
  labels: z.array(z.string()).optional(),
  featureGates: gates.optional(),
  threshold: z.union([z.number().min(0), z.record(z.string(), z.number())]).optional(),
  thresholdMetricSelector: z.unknown().optional(),
});

/** The file: a list of test cases. Operations are checked for the workloads that are run. */
export const performanceConfig = z.array(
  z.strictObject({
    name: z.string(),
    featureGates: gates.optional(),
    metricsCollectorConfig: z.unknown().optional(),
    defaultThresholdMetricSelector: z.unknown().optional(),
    schedulerConfigPath: z.string().optional(),
    defaultPodTemplatePath: z.string().optional(),
    labels: z.array(z.string()).optional(),
    workloadTemplate: z.array(z.looseObject({ opcode: z.string() })).min(1),
    workloads: z.array(workload).min(1),
  }),
);

export type RawTestCase = z.infer<typeof performanceConfig>[number];
export type RawWorkload = RawTestCase['workloads'][number];
export type RawOperations = { readonly [K in keyof typeof operations]: z.infer<(typeof operations)[K]> };
export type RawOperation = RawOperations[keyof RawOperations];
