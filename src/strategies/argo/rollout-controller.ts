import { keyOf, type KubernetesObject } from '../../api/meta.js';
import { controllerOf } from '../../api/meta.js';
import { equal } from '../../api/equal.js';
import type { PodTemplateSpec, Service } from '../../api/core.js';
import { referenceErrors, rolloutErrors, rolloutErrorText } from '../../api/rollout-errors.js';
import type { AnalysisRun, AnalysisTemplate, Rollout } from '../../api/rollout-kinds.js';
import type { Deployment, ReplicaSet } from '../../api/workloads.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../../apiserver/request.js';
import type { ProcessContext } from '../../client/context.js';
import type { ApiClient, Informer, ResourceEventHandler } from '../../client/types.js';
import type { Simulation } from '../../kernel/simulation.js';
import type { Ingress } from '../../network/ingress-rules.js';
import { KeyHandler, OwnerHandler } from '../../controllers/handlers.js';
import { ControllerWorkers, objectRequest, type Reconciler, type Reconciliation, StagedReconciliation, type Step } from '../../controllers/controller.js';
import { templateHash } from '../../controllers/hash.js';
import { BY_CONTROLLER, controllerReference, ControllerUidIndexer } from '../../controllers/ownership.js';
import { type CanaryIngressSpec, canaryIngress, canaryIngressRequest } from '../canary-ingress.js';
import { hasWeights, newRoute, type RouteKind, routeRequest, type RouteWeights } from '../routes.js';
import type { RolloutChange, RolloutView } from './change.js';
import { EXPERIMENT_NAME, newExperimentSet } from './experiment.js';
import { reconcileRollout } from './reconcile.js';
import { newAnalysisRun, newReplicaSet, revisionOf, SelectorHashPatch, setRequest, TerminatePatch } from './requests.js';
import { maxWeight, ROLLOUT_HASH, sortSets } from './rollout-spec.js';

/** --rollout-threads of the Argo Rollouts controller. */
const WORKERS = 10;

/** The Rollout controller of Argo Rollouts: watches Rollouts and what belongs to them, writes ReplicaSets, selectors, routes and status. */
export class RolloutController implements Reconciler {
  readonly workers: ControllerWorkers;
  readonly rollouts: Informer<Rollout>;
  readonly services: Informer<Service>;
  readonly deployments: Informer<Deployment>;
  readonly replicaSets: Informer<ReplicaSet>;
  readonly runs: Informer<AnalysisRun>;
  readonly templates: Informer<AnalysisTemplate>;
  readonly clusterTemplates: Informer<AnalysisTemplate>;
  readonly routes: ReadonlyMap<RouteKind, Informer<KubernetesObject>>;
  readonly ingresses: Informer<Ingress>;
  readonly simulation: Simulation;

  constructor(context: ProcessContext, client: ApiClient) {
    const { informers } = context;
    this.simulation = context.simulation;
    this.rollouts = informers.informer<Rollout>('rollouts');
    this.services = informers.informer<Service>('services');
    this.deployments = informers.informer<Deployment>('deployments');
    this.replicaSets = informers.informer<ReplicaSet>('replicasets');
    this.runs = informers.informer<AnalysisRun>('analysisruns');
    this.templates = informers.informer<AnalysisTemplate>('analysistemplates');
    this.clusterTemplates = informers.informer<AnalysisTemplate>('clusteranalysistemplates');
    this.routes = new Map((['virtualservices', 'trafficsplits', 'httproutes'] as const).map((kind) => [kind, informers.informer(kind)]));
    this.ingresses = informers.informer<Ingress>('ingresses');
    this.replicaSets.addIndexer(new ControllerUidIndexer());
    this.workers = new ControllerWorkers(context, { name: 'rollouts', workers: WORKERS, client });
    const { queue } = this.workers;
    this.rollouts.addEventHandler(new KeyHandler(queue));
    this.replicaSets.addEventHandler(new OwnerHandler(queue, 'Rollout'));
    this.runs.addEventHandler(new OwnerHandler(queue, 'Rollout'));
    this.deployments.addEventHandler(new WorkloadHandler(this));
    this.workers.start(this, [this.rollouts, this.services, this.deployments, this.replicaSets, this.runs, this.templates, this.clusterTemplates, this.ingresses, ...this.routes.values()]);
  }

  reconcile(key: string): Reconciliation | null {
    const rollout = this.rollouts.get(key);
    return rollout === undefined ? null : new RolloutSync(this, rollout);
  }

  /** Queues the Rollouts that take their template from a Deployment. */
  workloadChanged(deployment: Deployment): void {
    for (const rollout of this.rollouts.list()) {
      const { workloadRef } = rollout.spec;
      if (workloadRef?.name === deployment.metadata.name && rollout.metadata.namespace === deployment.metadata.namespace) this.workers.queue.add(keyOf(rollout));
    }
  }

  /** What there is of a Rollout; undefined: its template is nowhere. */
  view(rollout: Rollout): RolloutView | undefined {
    const { namespace } = rollout.metadata;
    const { workloadRef } = rollout.spec;
    const template = workloadRef === undefined ? rollout.spec.template : this.deployments.get(`${namespace}/${workloadRef.name}`)?.spec.template;
    if (template === undefined) return undefined;
    const hash = templateHash(template);
    const sets = [...this.replicaSets.byIndex(BY_CONTROLLER, rollout.metadata.uid)].sort((a, b) => revisionOf(a) - revisionOf(b));
    const [experiments, own] = [sets.filter(isOfExperiment), sets.filter((set) => !isOfExperiment(set))];
    const phases = new Map<string, string>();
    for (const { name } of rollout.status.analyses ?? []) {
      const status = this.runs.get(`${namespace}/${name}`)?.status as { readonly phase?: string } | undefined;
      if (status?.phase !== undefined) phases.set(name, status.phase);
    }
    return { rollout, template, hash, sets: sortSets(own, hash, rollout.status.stableRS ?? ''), experiments, phases, now: this.simulation.now };
  }

  /** Why nothing is done about a Rollout; undefined: it is valid. */
  invalid(rollout: Rollout, template: PodTemplateSpec | undefined): string | undefined {
    const { namespace } = rollout.metadata;
    const references = {
      service: (name: string) => this.services.get(`${namespace}/${name}`),
      template: (name: string, cluster: boolean) => this.template(namespace, name, cluster),
    };
    const [first] = [...rolloutErrors(rollout), ...referenceErrors(rollout, template, references)];
    return first === undefined ? undefined : rolloutErrorText(first);
  }

  /** A template that a rollout names. */
  template(namespace: string, name: string, cluster: boolean): AnalysisTemplate | undefined {
    return cluster ? this.clusterTemplates.get(name) : this.templates.get(`${namespace}/${name}`);
  }
}

function isOfExperiment({ metadata }: ReplicaSet): boolean {
  return metadata.annotations?.[EXPERIMENT_NAME] !== undefined;
}

class WorkloadHandler implements ResourceEventHandler<Deployment> {
  private readonly controller: RolloutController;

  constructor(controller: RolloutController) {
    this.controller = controller;
  }

  onAdd(deployment: Deployment): void {
    this.controller.workloadChanged(deployment);
  }

  onUpdate(_old: Deployment, deployment: Deployment): void {
    this.controller.workloadChanged(deployment);
  }

  onDelete(): void {}
}

const DECIDE = 0;
const WRITTEN = 1;
const REPORTED = 2;
const REFUSED = 3;

/** One look at a Rollout: everything that it leads to is written at once, then the status. */
class RolloutSync extends StagedReconciliation {
  private readonly controller: RolloutController;
  private readonly rollout: Rollout;
  private change: RolloutChange | null = null;

  constructor(controller: RolloutController, rollout: Rollout) {
    super();
    this.controller = controller;
    this.rollout = rollout;
  }

  protected advance(responses: readonly ApiResponse[]): Step {
    switch (this.stage) {
      case DECIDE:
        return this.decide();
      case WRITTEN: {
        const failed = responses.find((response) => !succeeded(response) && response.reason !== 'AlreadyExists');
        if (failed !== undefined) return this.fail(failed.message ?? 'request failed');
        return this.report();
      }
      case REFUSED:
        return this.fail('InvalidSpec');
      default:
        if (this.stage === REPORTED && responses.length > 0 && !succeeded(responses[0]!)) return this.fail(responses[0]!.message ?? 'status');
        return this.end();
    }
  }

  private decide(): Step {
    const view = this.controller.view(this.rollout);
    const invalid = this.controller.invalid(this.rollout, view?.template);
    if (view === undefined || invalid !== undefined) return this.refuse(invalid ?? 'spec.workloadRef: the workload of the Rollout is not found');
    this.change = reconcileRollout(view);
    const requests = this.requests(view, this.change);
    if (typeof requests === 'string') return this.fail(requests);
    this.stage = WRITTEN;
    return requests.length > 0 ? requests : this.report();
  }

  /** Nothing is done for a spec that is not valid: the status says so, and another look follows (createInvalidRolloutCondition). */
  private refuse(error: string): Step {
    this.stage = REFUSED;
    const { metadata } = this.rollout;
    const message = `InvalidSpec: The Rollout "${metadata.name}" is invalid: ${error}`;
    const status = { ...this.rollout.status, phase: 'Degraded' as const, message, observedGeneration: String(metadata.generation) };
    if (equal(status, this.rollout.status)) return this.fail(message);
    return [objectRequest('update', 'rollouts', this.rollout, { subresource: 'status', body: { ...this.rollout, status } as Rollout })];
  }

  private requests(view: RolloutView, change: RolloutChange): ApiRequest[] | string {
    const { rollout, sets } = view;
    const { namespace } = rollout.metadata;
    const requests: ApiRequest[] = [];
    if (change.create) {
      const all = [sets.stable, ...sets.older].filter((set) => set !== undefined);
      const revision = Math.max(0, ...all.map(revisionOf)) + 1;
      const body = newReplicaSet(rollout, view.template, view.hash, revision);
      requests.push(objectRequest('create', 'replicasets', body, { body }));
    }
    for (const wanted of change.experiments) {
      const of = wanted.template.specRef === 'stable' ? (sets.stable ?? sets.current) : sets.current;
      const body = newExperimentSet(rollout, of?.spec.template ?? view.template, wanted);
      requests.push(objectRequest('create', 'replicasets', body, { body }));
    }
    // The last word about a set counts.
    for (const each of new Map(change.sets.map((entry) => [entry.set.metadata.name, entry])).values()) requests.push(setRequest(each));
    for (const set of change.remove) requests.push(objectRequest('delete', 'replicasets', set));
    for (const [service, hash] of new Map(change.selectors.map((each) => [each.service, each.hash]))) {
      const found = this.controller.services.get(`${namespace}/${service}`);
      if (found === undefined) return `service "${service}" not found`;
      if (found.spec.selector?.[ROLLOUT_HASH] !== hash) {
        requests.push({ verb: 'patch', resource: 'services', namespace, name: service, patch: new SelectorHashPatch(hash) });
      }
    }
    const routes = this.routeRequests(change);
    if (typeof routes === 'string') return routes;
    requests.push(...routes);
    for (const name of change.stop) {
      if (this.controller.runs.get(`${namespace}/${name}`) === undefined) continue;
      requests.push({ verb: 'patch', resource: 'analysisruns', namespace, name, patch: new TerminatePatch() });
    }
    for (const { name, analysis } of change.start) {
      const templates: AnalysisTemplate[] = [];
      for (const { templateName, clusterScope } of analysis.templates ?? []) {
        const template = this.controller.template(namespace, templateName, clusterScope === true);
        if (template === undefined) return `${clusterScope === true ? 'ClusterAnalysisTemplate' : 'AnalysisTemplate'} "${templateName}" not found`;
        templates.push(template);
      }
      const body = newAnalysisRun(name, analysis, templates, { rollout, current: view.hash, stable: rollout.status.stableRS ?? '' });
      requests.push(objectRequest('create', 'analysisruns', body, { body }));
    }
    return requests;
  }

  /** The requests that bring the router to its weights: none when it has them, or there is no router. */
  private routeRequests({ route }: RolloutChange): ApiRequest[] | string {
    const canary = this.rollout.spec.strategy.canary;
    if (route === undefined || canary?.trafficRouting === undefined) return [];
    const { namespace } = this.rollout.metadata;
    const weights: RouteWeights = {
      stable: canary.stableService!,
      canary: canary.canaryService!,
      weight: route.canary,
      total: maxWeight(canary),
      mirror: route.mirror,
      match: route.header,
    };
    const ingresses = this.stableIngresses();
    if (ingresses.length > 0) return this.ingressRequests(ingresses, weights);
    const { kind, name, service } = routerOf(this.rollout);
    const existing = this.controller.routes.get(kind)!.get(`${namespace}/${name}`);
    if (existing !== undefined && hasWeights(existing, weights)) return [];
    return [routeRequest(kind, existing, newRoute(kind, name, namespace, service, weights), weights)];
  }

  /** The Ingresses whose requests the router nginx divides; none: it has none, or they are not there. */
  private stableIngresses(): Ingress[] {
    const { namespace } = this.rollout.metadata;
    return stableIngresses(this.rollout).flatMap((name) => this.controller.ingresses.get(`${namespace}/${name}`) ?? []);
  }

  /** A canary Ingress for each (SetWeightPerIngress). Mirrors and header routes are nothing that this router knows. */
  private ingressRequests(ingresses: readonly Ingress[], { stable, canary, weight, total }: RouteWeights): ApiRequest[] | string {
    const { rollout, controller } = this;
    const { additionalIngressAnnotations, canaryIngressAnnotations } = nginxOf(rollout)!;
    const requests: ApiRequest[] = [];
    for (const main of ingresses) {
      const spec: CanaryIngressSpec = {
        name: `${rollout.metadata.name}-${main.metadata.name}-canary`,
        stable,
        canary,
        weight,
        ...(rollout.spec.strategy.canary!.trafficRouting!.maxTrafficWeight === undefined ? {} : { total }),
        annotations: { ...additionalIngressAnnotations, ...canaryIngressAnnotations },
        owner: controllerReference(rollout),
      };
      const wanted = canaryIngress(main, spec);
      if (wanted === undefined) return `ingress "${main.metadata.name}" has no rules using service ${stable} backend`;
      const request = canaryIngressRequest(controller.ingresses.get(`${main.metadata.namespace}/${spec.name}`), wanted);
      if (request !== undefined) requests.push(request);
    }
    return requests;
  }

  private report(): Step {
    this.stage = REPORTED;
    const { status } = this.change!;
    if (equal(status, this.rollout.status)) return this.end();
    return [objectRequest('update', 'rollouts', this.rollout, { subresource: 'status', body: { ...this.rollout, status } as Rollout })];
  }

  private end(): null {
    const { again } = this.change!;
    if (again < Number.POSITIVE_INFINITY) this.requeueAfter = Math.max(0, again - this.controller.simulation.now);
    return null;
  }
}

type Nginx = NonNullable<NonNullable<NonNullable<Rollout['spec']['strategy']['canary']>['trafficRouting']>['nginx']>;

function nginxOf(rollout: Rollout): Nginx | undefined {
  return rollout.spec.strategy.canary?.trafficRouting?.nginx ?? undefined;
}

/** Names of the Ingresses that a Rollout's router nginx is to divide the requests of. */
export function stableIngresses(rollout: Rollout): readonly string[] {
  const { stableIngress, stableIngresses: several } = nginxOf(rollout) ?? {};
  return several ?? (stableIngress === undefined ? [] : [stableIngress]);
}

/** Which object carries the weights of a Rollout: the router's own where it is modelled, else an HTTPRoute in front of its stable Service. */
export function routerOf(rollout: Rollout): { readonly kind: RouteKind; readonly name: string; readonly service: string } {
  const { canary } = rollout.spec.strategy;
  const routing = canary?.trafficRouting ?? {};
  const { name } = rollout.metadata;
  const service = canary?.stableService ?? name;
  const istio = routing['istio'] as { readonly virtualService?: { readonly name: string } } | undefined;
  if (istio?.virtualService !== undefined) return { kind: 'virtualservices', name: istio.virtualService.name, service };
  const smi = routing['smi'] as { readonly rootService?: string; readonly trafficSplitName?: string } | undefined;
  if (smi !== undefined && smi !== null) return { kind: 'trafficsplits', name: smi.trafficSplitName ?? name, service: smi.rootService ?? service };
  const alb = routing['alb'] as { readonly rootService?: string } | undefined;
  return { kind: 'httproutes', name, service: alb?.rootService ?? service };
}

/** The Rollout that owns an object, by name. */
export function rolloutOf(object: KubernetesObject): string | undefined {
  const owner = controllerOf(object);
  return owner?.kind === 'Rollout' ? `${object.metadata.namespace}/${owner.name}` : undefined;
}
