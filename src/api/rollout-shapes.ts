import { list, map, type Shape, unmodelled } from './shape.js';

/** Fields of `argoproj.io/v1alpha1` kinds (argo-rollouts pkg/apis/rollouts/v1alpha1), without pod templates. */

const LABELS_ONLY = 'labels and annotations of pods while they are canary or stable are not set';
const arguments_ = list(
  map({
    name: 'text',
    value: 'text',
    valueFrom: map({
      podTemplateHashValue: 'text',
      fieldRef: map({ fieldPath: 'text' }),
      secretKeyRef: unmodelled('secrets are not read: the argument stays as it is written', map({ name: 'text', key: 'text' })),
    }),
  }),
);
const dryRun = list(map({ metricName: 'text' }));
const retention = unmodelled('the last 10 measurements of each metric are kept', 'any');
const analysis = {
  templates: list(map({ templateName: 'text', clusterScope: 'flag' })),
  args: arguments_,
  dryRun,
  measurementRetention: retention,
  analysisRunMetadata: unmodelled('analysis runs get no labels or annotations', 'any'),
};

const ROUTED = 'its own objects are not written: the weights are put into force on the Services as they would be';
const routers: Readonly<Record<string, Shape>> = {
  istio: map({
    virtualService: map({ name: 'text', routes: unmodelled('the first route without headers gets the weights', list('text')), tlsRoutes: unmodelled('only HTTP is modelled', 'any'), tcpRoutes: unmodelled('only HTTP is modelled', 'any') }),
    virtualServices: unmodelled('give one virtualService', 'any'),
    destinationRule: unmodelled('the canary gets its traffic by canaryService and stableService; without them by its share of the pods', 'any'),
  }),
  smi: map({ rootService: 'text', trafficSplitName: 'text' }),
  nginx: map({
    stableIngress: 'text',
    stableIngresses: list('text'),
    additionalIngressAnnotations: 'any',
    canaryIngressAnnotations: 'any',
    annotationPrefix: unmodelled('the ingress controller reads nginx.ingress.kubernetes.io, and that is written', 'text'),
  }),
  alb: unmodelled(ROUTED, 'any'),
  ambassador: unmodelled(ROUTED, 'any'),
  appMesh: unmodelled(ROUTED, 'any'),
  apisix: unmodelled(ROUTED, 'any'),
  traefik: unmodelled(ROUTED, 'any'),
  plugins: unmodelled(ROUTED, 'any'),
};

const headerMatch = unmodelled('requests of the cohort of the traffic match, whatever the header is', list('any'));
const experiment = map({
  templates: list(
    map({
      name: 'text',
      specRef: 'text',
      replicas: 'integer',
      metadata: map({ labels: 'any', annotations: unmodelled('pods get no annotations', 'any') }),
      selector: 'any',
      weight: unmodelled('its pods get the requests of the Services that select them', 'integer'),
      service: unmodelled('no Service of its own is made', 'any'),
    }),
  ),
  analyses: list(map({ name: 'text', templateName: 'text', clusterScope: 'flag', requiredForCompletion: 'flag', args: arguments_ })),
  duration: 'text',
  scaleDownDelaySeconds: 'integer',
  dryRun,
  analysisRunMetadata: unmodelled('analysis runs get no labels or annotations', 'any'),
});
const step = map({
  setWeight: 'integer',
  pause: map({ duration: 'intOrText' }),
  setCanaryScale: map({ replicas: 'integer', weight: 'integer', matchTrafficWeight: 'flag' }),
  analysis: map(analysis),
  experiment,
  setHeaderRoute: map({ name: 'text', match: headerMatch }),
  setMirrorRoute: map({ name: 'text', percentage: 'integer', match: unmodelled('requests of all methods and paths are mirrored', 'any') }),
  plugin: unmodelled('the step is over at once', 'any'),
  replicaProgressThreshold: unmodelled('it is a field of strategy.canary, as a step it is over at once', map({ type: 'text', value: 'integer' })),
});

const canary = map({
  canaryService: 'text',
  stableService: 'text',
  steps: list(step),
  trafficRouting: map({ maxTrafficWeight: 'integer', managedRoutes: unmodelled('routes of steps need not be listed', list(map({ name: 'text' }))), ...routers }),
  maxSurge: 'intOrText',
  maxUnavailable: 'intOrText',
  analysis: map({ ...analysis, startingStep: 'integer' }),
  dynamicStableScale: 'flag',
  minPodsPerReplicaSet: 'integer',
  replicaProgressThreshold: map({ type: 'text', value: 'integer' }),
  scaleDownDelaySeconds: 'integer',
  scaleDownDelayRevisionLimit: 'integer',
  abortScaleDownDelaySeconds: 'integer',
  canaryMetadata: unmodelled(LABELS_ONLY, 'any'),
  stableMetadata: unmodelled(LABELS_ONLY, 'any'),
  antiAffinity: unmodelled('pods of old and new version may share nodes', 'any'),
  pingPong: unmodelled('give canaryService and stableService', 'any'),
});

const blueGreen = map({
  activeService: 'text',
  previewService: 'text',
  previewReplicaCount: 'integer',
  autoPromotionEnabled: 'flag',
  autoPromotionSeconds: 'integer',
  scaleDownDelaySeconds: 'integer',
  scaleDownDelayRevisionLimit: 'integer',
  abortScaleDownDelaySeconds: 'integer',
  prePromotionAnalysis: map(analysis),
  postPromotionAnalysis: map(analysis),
  maxUnavailable: unmodelled('the old version keeps its size until it goes', 'intOrText'),
  antiAffinity: unmodelled('pods of old and new version may share nodes', 'any'),
  activeMetadata: unmodelled(LABELS_ONLY, 'any'),
  previewMetadata: unmodelled(LABELS_ONLY, 'any'),
});

/** spec of a Rollout. */
export const rolloutSpec = map({
  replicas: 'integer',
  selector: 'any',
  template: 'any',
  workloadRef: map({ apiVersion: 'text', kind: 'text', name: 'text', scaleDown: unmodelled('the Deployment keeps its size: give it replicas 0', 'text') }),
  minReadySeconds: 'integer',
  revisionHistoryLimit: 'integer',
  progressDeadlineSeconds: 'integer',
  progressDeadlineAbort: 'flag',
  paused: 'flag',
  restartAt: unmodelled('pods are not restarted by it', 'text'),
  analysis: unmodelled('all analysis runs are kept', 'any'),
  rollbackWindow: map({ revisions: 'integer' }),
  strategy: map({ canary, blueGreen }),
});

const MEASURED = 'the simulated traffic is measured, without a server in between';
const PROVIDER = 'measurements say what the scenario states for this metric, or succeed';
const metric = map({
  name: 'text',
  interval: 'text',
  initialDelay: 'text',
  count: 'intOrText',
  successCondition: 'text',
  failureCondition: 'text',
  failureLimit: 'intOrText',
  inconclusiveLimit: 'intOrText',
  consecutiveErrorLimit: 'intOrText',
  consecutiveSuccessLimit: 'intOrText',
  provider: map({
    prometheus: map({
      address: unmodelled(MEASURED, 'text'),
      query: 'text',
      timeout: unmodelled(MEASURED, 'integer'),
      authentication: unmodelled(MEASURED, 'any'),
      insecure: unmodelled(MEASURED, 'flag'),
      headers: unmodelled(MEASURED, 'any'),
      rangeQuery: unmodelled('the newest value is taken', 'any'),
    }),
    ...Object.fromEntries(
      ['job', 'web', 'kayenta', 'wavefront', 'newRelic', 'datadog', 'cloudWatch', 'graphite', 'influxdb', 'skywalking', 'plugin'].map(
        (name): [string, Shape] => [name, unmodelled(PROVIDER, 'any')],
      ),
    ),
  }),
});

/** spec of an AnalysisTemplate, ClusterAnalysisTemplate or AnalysisRun. */
export const analysisSpec = map({
  metrics: list(metric),
  args: arguments_,
  dryRun,
  measurementRetention: retention,
  templates: unmodelled('templates of templates are left out', 'any'),
  terminate: 'flag',
  ttlStrategy: unmodelled('finished runs are kept', 'any'),
});
