import type { Service } from '../../api/core.js';
import { equal } from '../../api/equal.js';
import { podVersion } from '../../api/image.js';
import { matchesMap } from '../../api/labels.js';
import type { KubernetesObject } from '../../api/meta.js';
import type { AnalysisRun, Rollout } from '../../api/rollout-kinds.js';
import type { ReplicaSet } from '../../api/workloads.js';
import { type ApiResponse, succeeded } from '../../apiserver/request.js';
import type { ProcessContext } from '../../client/context.js';
import type { ApiClient, Informer } from '../../client/types.js';
import { ControllerWorkers, objectRequest, type Reconciler, type Reconciliation, StagedReconciliation, type Step } from '../../controllers/controller.js';
import { KeyHandler } from '../../controllers/handlers.js';
import type { Simulation } from '../../kernel/simulation.js';
import { advanceAnalysis, type AnalysisState, type Found, isCompleted, type MetricRule, newAnalysis, nextMeasurement, type Provider } from '../analysis/assess.js';
import { ExpressionError } from '../analysis/expression.js';
import type { Measured, Measurements } from '../analysis/measurements.js';
import { findMetric } from '../analysis/provider.js';
import { rulesOf } from '../analysis/rules.js';
import { rolloutOf } from './rollout-controller.js';
import { ROLLOUT_HASH } from './rollout-spec.js';

/** --analysis-threads of the Argo Rollouts controller. */
const WORKERS = 30;

/** The analysis controller of Argo Rollouts: takes the measurements of AnalysisRuns when they are due. */
export class AnalysisController implements Reconciler {
  readonly workers: ControllerWorkers;
  readonly simulation: Simulation;
  readonly measurements: Measurements;
  private readonly runs: Informer<AnalysisRun>;
  private readonly rollouts: Informer<Rollout>;
  private readonly replicaSets: Informer<ReplicaSet>;
  private readonly services: Informer<Service>;

  constructor(context: ProcessContext, client: ApiClient, measurements: Measurements) {
    const { informers } = context;
    this.simulation = context.simulation;
    this.measurements = measurements;
    this.runs = informers.informer<AnalysisRun>('analysisruns');
    this.rollouts = informers.informer<Rollout>('rollouts');
    this.replicaSets = informers.informer<ReplicaSet>('replicasets');
    this.services = informers.informer<Service>('services');
    this.workers = new ControllerWorkers(context, { name: 'analysis', workers: WORKERS, client });
    this.runs.addEventHandler(new KeyHandler(this.workers.queue));
    this.workers.start(this, [this.runs, this.rollouts, this.replicaSets, this.services]);
  }

  reconcile(key: string): Reconciliation | null {
    const run = this.runs.get(key);
    if (run === undefined || isCompleted(stateOf(run)?.phase ?? 'Pending')) return null;
    return new AnalysisSync(this, run);
  }

  /** Whose requests a run measures: those to the Services of its Rollout, by the versions of its pods. */
  measured(run: AnalysisRun): Measured {
    const key = rolloutOf(run) ?? '';
    const rollout = this.rollouts.get(key);
    const version = (hash: string | undefined): string => {
      const set = hash === undefined ? undefined : this.replicaSets.get(`${key}-${hash}`);
      return set === undefined ? '' : podVersion(set.spec.template.spec);
    };
    const set = this.replicaSets.get(`${key}-${run.metadata.labels?.[ROLLOUT_HASH]}`);
    const services = new Set<string>();
    const labels = set?.spec.template.metadata.labels ?? {};
    for (const { metadata, spec } of this.services.list()) {
      if (metadata.namespace !== run.metadata.namespace || spec.selector === undefined) continue;
      const { [ROLLOUT_HASH]: _, ...selector } = spec.selector;
      if (Object.keys(selector).length > 0 && matchesMap(selector, labels)) services.add(`${metadata.namespace}/${metadata.name}`);
    }
    return { services, canary: version(run.metadata.labels?.[ROLLOUT_HASH]), stable: version(rollout?.status.stableRS) };
  }
}

function stateOf(run: AnalysisRun): AnalysisState | undefined {
  const status = run.status as Partial<AnalysisState> | undefined;
  return status?.phase === undefined ? undefined : (status as AnalysisState);
}

/** Takes what is due of one run. */
class AnalysisSync extends StagedReconciliation implements Provider {
  private readonly controller: AnalysisController;
  private readonly run: AnalysisRun;
  private readonly measured: Measured;
  private due = Number.POSITIVE_INFINITY;

  constructor(controller: AnalysisController, run: AnalysisRun) {
    super();
    this.controller = controller;
    this.run = run;
    this.measured = controller.measured(run);
  }

  find(rule: MetricRule): Found {
    const metric = this.run.spec.metrics!.find(({ name }) => name === rule.name)!;
    const { measurements, simulation } = this.controller;
    return findMetric(metric, measurements, this.measured, simulation.now);
  }

  protected advance(responses: readonly ApiResponse[]): Step {
    if (this.stage === 0) return this.decide();
    if (responses[0] !== undefined && !succeeded(responses[0])) return this.fail(responses[0].message ?? 'status');
    return this.end();
  }

  private decide(): Step {
    const { simulation } = this.controller;
    const { now } = simulation;
    const before = stateOf(this.run) ?? newAnalysis(now);
    let status: AnalysisState;
    try {
      const rules = rulesOf(this.run.spec);
      status = advanceAnalysis(before, rules, now, this, this.run.spec.terminate === true);
      this.due = nextMeasurement(status, rules);
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      status = { ...before, phase: 'Error', message: `analysis spec invalid: ${error.message}` };
    }
    this.stage = 1;
    if (equal(status, this.run.status)) return this.end();
    const body: KubernetesObject = { ...this.run, status } as AnalysisRun;
    return [objectRequest('update', 'analysisruns', this.run, { subresource: 'status', body })];
  }

  private end(): null {
    if (this.due < Number.POSITIVE_INFINITY) this.requeueAfter = Math.max(0, this.due - this.controller.simulation.now);
    return null;
  }
}
