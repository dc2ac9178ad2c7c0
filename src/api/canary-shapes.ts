import { list, map, unmodelled } from './shape.js';

/** Fields of `flagger.app/v1beta1` kinds (flagger pkg/apis/flagger/v1beta1). */

const HTTP = 'requests have no paths, hosts or headers';
const MESH = 'what the mesh does beside dividing the traffic is not modelled';

const service = map({
  name: 'text',
  port: 'integer',
  portName: 'text',
  targetPort: 'intOrText',
  appProtocol: unmodelled(HTTP, 'text'),
  portDiscovery: unmodelled('Services have the one port that is given', 'flag'),
  headless: unmodelled('the Services have addresses', 'flag'),
  trafficDistribution: unmodelled('all endpoints of a Service are alike', 'text'),
  backendTimeout: unmodelled('the timeout of the traffic holds', 'text'),
  unmanagedMetadata: unmodelled('Services get no labels or annotations', 'any'),
  apex: unmodelled('Services get no labels or annotations', 'any'),
  primary: unmodelled('Services get no labels or annotations', 'any'),
  canary: unmodelled('Services get no labels or annotations', 'any'),
  gateways: unmodelled(HTTP, 'any'),
  gatewayRefs: unmodelled(HTTP, 'any'),
  hosts: unmodelled(HTTP, 'any'),
  delegation: unmodelled(HTTP, 'flag'),
  match: unmodelled(HTTP, 'any'),
  rewrite: unmodelled(HTTP, 'any'),
  headers: unmodelled(HTTP, 'any'),
  corsPolicy: unmodelled(HTTP, 'any'),
  mirror: unmodelled('mirroring is asked for by analysis.mirror', 'any'),
  timeout: unmodelled('the timeout of the traffic holds', 'text'),
  retries: unmodelled('the retries of the traffic hold', 'any'),
  trafficPolicy: unmodelled(MESH, 'any'),
  meshName: unmodelled(MESH, 'text'),
  backends: unmodelled(MESH, 'any'),
});

const metric = map({
  name: 'text',
  interval: 'text',
  threshold: 'number',
  thresholdRange: map({ min: 'number', max: 'number' }),
  query: 'text',
  templateRef: map({ name: 'text', namespace: 'text' }),
  templateVariables: unmodelled('queries are read by their form', 'any'),
});

const CALLED = 'it is not called: it answers as the scenario states for its name, or succeeds';
const webhook = map({
  name: 'text',
  type: 'text',
  url: unmodelled(CALLED, 'text'),
  timeout: unmodelled(CALLED, 'text'),
  metadata: unmodelled(CALLED, 'any'),
  muteAlert: unmodelled('nobody is told', 'flag'),
  retries: unmodelled(CALLED, 'integer'),
  disableTLS: unmodelled(CALLED, 'flag'),
});

const analysis = map({
  interval: 'text',
  threshold: 'integer',
  maxWeight: 'integer',
  stepWeight: 'integer',
  stepWeights: list('integer'),
  stepWeightPromotion: 'integer',
  iterations: 'integer',
  mirror: 'flag',
  mirrorWeight: 'integer',
  primaryReadyThreshold: 'integer',
  canaryReadyThreshold: 'integer',
  match: unmodelled('requests of the cohort of the traffic match, whatever the header is', 'any'),
  metrics: list(metric),
  webhooks: list(webhook),
  alerts: unmodelled('nobody is told', 'any'),
  sessionAffinity: unmodelled('every request is divided anew', 'any'),
});

/** spec of a Canary. */
export const canarySpec = map({
  provider: 'text',
  metricsServer: unmodelled('the simulated traffic is measured, without a server in between', 'text'),
  targetRef: map({ apiVersion: 'text', kind: 'text', name: 'text' }),
  autoscalerRef: unmodelled('the primary keeps the size of the target; its autoscaler is not copied', 'any'),
  ingressRef: map({ apiVersion: 'text', kind: 'text', name: 'text' }),
  routeRef: unmodelled('weights are put into force on the Services as the route would', 'any'),
  upstreamRef: unmodelled('weights are put into force on the Services as the upstream would', 'any'),
  progressDeadlineSeconds: 'integer',
  skipAnalysis: 'flag',
  suspend: 'flag',
  revertOnDeletion: unmodelled('Canaries are not deleted', 'flag'),
  service,
  analysis,
  canaryAnalysis: analysis,
});

/** spec of a MetricTemplate. */
export const metricTemplateSpec = map({
  provider: unmodelled('the simulated traffic is measured, without a server in between', 'any'),
  query: 'text',
});
