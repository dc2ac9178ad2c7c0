import { equal } from '../../api/equal.js';
import type { Labels } from '../../api/meta.js';
import type { Service } from '../../api/core.js';
import type { Canary, CanaryStatus } from '../../api/rollout-kinds.js';
import type { Deployment } from '../../api/workloads.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../../apiserver/request.js';
import type { Ingress } from '../../network/ingress-rules.js';
import { objectRequest, StagedReconciliation, type Step } from '../../controllers/controller.js';
import { templateHash } from '../../controllers/hash.js';
import { controllerReference } from '../../controllers/ownership.js';
import { canaryIngress, canaryIngressRequest, weightOf } from '../canary-ingress.js';
import { SelectorPatch } from '../patches.js';
import { hasWeights, newRoute, type RouteKind, routeRequest, type RouteWeights, splitOf } from '../routes.js';
import { advanceCanary, type CanaryAdvance, type CanaryRoutes, TOTAL_WEIGHT } from './advance.js';
import { analysisOf, type CanaryController } from './canary-controller.js';
import { FlaggerChecks } from './checks.js';
import { apexName, newPrimary, newService, primaryName, primaryTemplate, PromotePatch, selectorLabel } from './objects.js';
import { deploymentReadiness } from './readiness.js';

const DEFAULT_DEADLINE = 600;
const DEFAULT_READY_THRESHOLD = 100;

const START = 0;
const INITIALIZED = 1;
const ACTED = 2;
const REPORTED = 3;

/** The router of a provider: the kind of object that carries its weights; undefined: none, the Services decide. */
export function routeKindOf(provider: string): RouteKind | undefined {
  if (provider === 'kubernetes') return undefined;
  if (provider === 'istio') return 'virtualservices';
  return provider === 'linkerd' || provider.startsWith('smi') || provider === 'osm' ? 'trafficsplits' : 'httproutes';
}

/** One look at a Canary (advanceCanary): sees that primary, Services and route are there, then goes on with the analysis. */
export class CanarySync extends StagedReconciliation {
  private readonly controller: CanaryController;
  private readonly canary: Canary;
  private readonly provider: string;
  private readonly kind: RouteKind | undefined;
  private outcome: CanaryAdvance | null = null;
  private status: CanaryStatus = {};

  constructor(controller: CanaryController, canary: Canary) {
    super();
    this.controller = controller;
    this.canary = canary;
    this.provider = canary.spec.provider ?? 'istio';
    this.kind = routeKindOf(this.provider);
  }

  protected advance(responses: readonly ApiResponse[]): Step {
    const failed = responses.find((response) => !succeeded(response) && response.reason !== 'AlreadyExists');
    // Flagger does not hurry: it looks again an interval later.
    if (failed !== undefined) return null;
    switch (this.stage) {
      case START:
        return this.begin();
      case INITIALIZED:
        return this.look();
      case ACTED:
        return this.report();
      default:
        return null;
    }
  }

  private deployment(name: string): Deployment | undefined {
    return this.controller.deployments.get(`${this.canary.metadata.namespace}/${name}`);
  }

  private readiness(deployment: Deployment, threshold: number | undefined) {
    const deadline = this.canary.spec.progressDeadlineSeconds ?? DEFAULT_DEADLINE;
    return deploymentReadiness(deployment, deadline, threshold ?? DEFAULT_READY_THRESHOLD, this.controller.simulation.now);
  }

  /** Makes what is missing: Services of canary and primary, and the primary itself. */
  private begin(): Step {
    const { canary } = this;
    const target = this.deployment(canary.spec.targetRef.name);
    if (target === undefined || canary.spec.targetRef.kind !== 'Deployment') return null;
    const label = selectorLabel(target);
    if (label === undefined) return null;
    const requests: ApiRequest[] = [];
    const apex = apexName(canary);
    this.service(requests, `${apex}-canary`, { [label.label]: label.value });
    this.service(requests, `${apex}-primary`, { [label.label]: `${label.value}-primary` });
    if (this.deployment(primaryName(canary)) === undefined) {
      const primary = newPrimary(canary, target);
      requests.push(objectRequest('create', 'deployments', primary, { body: primary }));
    }
    this.stage = INITIALIZED;
    return requests.length === 0 ? undefined : requests;
  }

  private service(requests: ApiRequest[], name: string, selector: Labels): void {
    const { namespace } = this.canary.metadata;
    const existing: Service | undefined = this.controller.services.get(`${namespace}/${name}`);
    if (existing === undefined) {
      const body = newService(this.canary, name, selector);
      requests.push(objectRequest('create', 'services', body, { body }));
    } else if (!equal(existing.spec.selector, selector)) {
      requests.push({ verb: 'patch', resource: 'services', namespace, name, patch: new SelectorPatch(selector) });
    }
  }

  private look(): Step {
    const { canary, controller } = this;
    const target = this.deployment(canary.spec.targetRef.name);
    const primary = this.deployment(primaryName(canary));
    if (target === undefined || primary === undefined) return null;
    const phase = canary.status.phase ?? 'Initializing';
    const analysis = analysisOf(canary);
    const ready = this.readiness(primary, analysis.primaryReadyThreshold);
    if (phase === 'Initializing') return ready.ready ? this.initialize(target) : null;
    const hash = templateHash(target.spec.template);
    const routes = this.routes();
    const input = {
      analysis,
      provider: this.provider,
      skipAnalysis: canary.spec.skipAnalysis === true,
      progress: { phase, failedChecks: canary.status.failedChecks ?? 0, iterations: canary.status.iterations ?? 0 },
      routes,
      // hasSpecChanged: what is promoted already starts nothing, so that a user may go back to it.
      targetChanged: hash !== canary.status.lastAppliedSpec && hash !== canary.status.lastPromotedSpec,
      primary: ready,
      canary: this.readiness(target, analysis.canaryReadyThreshold),
    };
    const outcome = advanceCanary(input, new FlaggerChecks(controller, canary, target, primary));
    this.outcome = outcome;
    const { failedChecks, iterations } = outcome.progress;
    const weight = outcome.routes?.canary ?? routes.canary;
    this.status = {
      ...canary.status,
      phase: outcome.progress.phase === '' ? 'Initialized' : outcome.progress.phase,
      canaryWeight: weight,
      failedChecks,
      iterations,
      ...(outcome.applied ? { lastAppliedSpec: hash } : {}),
      ...(outcome.promote ? { lastPromotedSpec: hash } : {}),
    };
    this.stage = ACTED;
    const requests = this.requests(outcome, target, primary);
    return requests.length === 0 ? undefined : requests;
  }

  /** The primary is ready: users go to it, and the target's pods are no longer needed. */
  private initialize(target: Deployment): Step {
    const { label, value } = selectorLabel(target)!;
    const requests: ApiRequest[] = [];
    const hash = templateHash(target.spec.template);
    this.service(requests, apexName(this.canary), { [label]: `${value}-primary` });
    const route = this.route({ primary: TOTAL_WEIGHT, canary: 0, mirrored: false });
    if (route !== undefined) requests.push(route);
    requests.push(this.scale(target, 0));
    this.status = { phase: 'Initialized', canaryWeight: 0, failedChecks: 0, iterations: 0, lastAppliedSpec: hash, lastPromotedSpec: hash };
    this.stage = ACTED;
    return requests;
  }

  private scale({ metadata: { namespace, name } }: Deployment, replicas: number): ApiRequest {
    return { verb: 'update', resource: 'deployments', subresource: 'scale', namespace, name, replicas };
  }

  private requests(outcome: CanaryAdvance, target: Deployment, primary: Deployment): ApiRequest[] {
    const requests: ApiRequest[] = [];
    const route = outcome.routes === undefined ? undefined : this.route(outcome.routes);
    if (route !== undefined) requests.push(route);
    if (outcome.scaleUp === true && target.spec.replicas === 0) requests.push(this.scale(target, primary.spec.replicas));
    if (outcome.promote === true) {
      const { label, value } = selectorLabel(target)!;
      const patch = new PromotePatch(primaryTemplate(target, label, value));
      requests.push(objectRequest('patch', 'deployments', primary, { patch }));
    }
    if (outcome.scaleDown === true) requests.push(this.scale(target, 0));
    return requests;
  }

  /** Name of the route, which stands for the Service that users call. */
  private get routeName(): string {
    return apexName(this.canary);
  }

  private weights(routes: CanaryRoutes): RouteWeights {
    const apex = apexName(this.canary);
    const { mirrorWeight, match } = analysisOf(this.canary);
    const matches = (match?.length ?? 0) > 0;
    return {
      stable: `${apex}-primary`,
      canary: `${apex}-canary`,
      // Users that do not match stay with the primary.
      weight: matches ? 0 : routes.canary,
      total: TOTAL_WEIGHT,
      mirror: routes.mirrored ? (mirrorWeight ?? TOTAL_WEIGHT) : 0,
      match: matches && routes.canary > 0,
    };
  }

  /** The Ingress that the provider nginx divides the requests of; undefined: it is another, or the Ingress is not there. */
  private get ingress(): Ingress | undefined {
    const { metadata, spec } = this.canary;
    if (this.provider !== 'nginx' || spec.ingressRef === undefined) return undefined;
    return this.controller.ingresses.get(`${metadata.namespace}/${spec.ingressRef.name}`);
  }

  private canaryIngressOf({ metadata: { namespace, name } }: Ingress): Ingress | undefined {
    return this.controller.ingresses.get(`${namespace}/${name}-canary`);
  }

  /** The canary Ingress with its weight, or while users of an A/B test go to the canary with their header. */
  private ingressRequest(main: Ingress, routes: CanaryRoutes): ApiRequest | undefined {
    const apex = apexName(this.canary);
    const { canary, match } = this.weights(routes);
    const tested = (analysisOf(this.canary).match?.length ?? 0) > 0;
    const wanted = canaryIngress(main, {
      name: `${main.metadata.name}-canary`,
      stable: apex,
      canary,
      weight: tested ? 0 : routes.canary,
      // Whatever the header is called: the cohort of the traffic carries it.
      annotations: match ? { 'canary-by-header': 'x-canary' } : {},
      owner: controllerReference(this.canary),
    });
    return wanted === undefined ? undefined : canaryIngressRequest(this.canaryIngressOf(main), wanted);
  }

  private route(routes: CanaryRoutes): ApiRequest | undefined {
    if (this.kind === undefined) return undefined;
    const { namespace } = this.canary.metadata;
    const { ingress } = this;
    if (ingress !== undefined) return this.ingressRequest(ingress, routes);
    const weights = this.weights(routes);
    const existing = this.controller.routes.get(this.kind)!.get(`${namespace}/${this.routeName}`);
    if (existing !== undefined && hasWeights(existing, weights)) return undefined;
    return routeRequest(this.kind, existing, newRoute(this.kind, this.routeName, namespace, apexName(this.canary), weights), weights);
  }

  /** Weights that the route has now (GetRoutes). */
  private routes(): CanaryRoutes {
    const none = { primary: TOTAL_WEIGHT, canary: 0, mirrored: false };
    if (this.kind === undefined) return none;
    const { namespace } = this.canary.metadata;
    const { ingress } = this;
    if (ingress !== undefined) {
      const weight = weightOf(this.canaryIngressOf(ingress), TOTAL_WEIGHT);
      return { primary: TOTAL_WEIGHT - weight, canary: weight, mirrored: false };
    }
    const route = this.controller.routes.get(this.kind)!.get(`${namespace}/${this.routeName}`);
    const split = route === undefined ? undefined : splitOf(route)?.split;
    if (split === undefined) return none;
    const name = `${namespace}/${apexName(this.canary)}-canary`;
    const weight = split.match !== undefined ? TOTAL_WEIGHT : (split.backends.find(({ service }) => service === name)?.weight ?? 0);
    return { primary: TOTAL_WEIGHT - weight, canary: weight, mirrored: split.mirror !== undefined };
  }

  private report(): Step {
    const { canary, status, outcome } = this;
    this.stage = REPORTED;
    if (outcome?.event !== undefined) this.controller.recorder.event(canary, outcome.event.type, 'Synced', outcome.event.message);
    const changed = status.phase !== canary.status.phase;
    const next = changed ? { ...status, lastTransitionTime: this.controller.simulation.now } : status;
    if (equal(next, canary.status)) return null;
    return [objectRequest('update', 'canaries', canary, { subresource: 'status', body: { ...canary, status: next } as Canary })];
  }
}
