import { goDuration } from '../../api/go-duration.js';
import { podVersion } from '../../api/image.js';
import { readQuery } from '../../api/metric-query.js';
import type { Canary, CanaryMetric } from '../../api/rollout-kinds.js';
import type { Deployment } from '../../api/workloads.js';
import { MINUTE } from '../../kernel/time.js';
import type { MeasureSpec } from '../../scenario/types.js';
import type { Measured } from '../analysis/measurements.js';
import type { CanaryChecks } from './advance.js';
import { analysisOf, type CanaryController } from './canary-controller.js';
import { apexName } from './objects.js';

const PER_CENT = 100;
const MILLISECONDS = 1000;

/** Webhooks and metrics of a Canary, asked when its analysis wants to know (flagger pkg/controller/scheduler_metrics.go, webhook.go). */
export class FlaggerChecks implements CanaryChecks {
  private readonly controller: CanaryController;
  private readonly canary: Canary;
  private readonly measured: Measured;

  constructor(controller: CanaryController, canary: Canary, target: Deployment, primary: Deployment) {
    this.controller = controller;
    this.canary = canary;
    const { namespace } = canary.metadata;
    const apex = apexName(canary);
    this.measured = {
      services: new Set([apex, `${apex}-canary`, `${apex}-primary`].map((name) => `${namespace}/${name}`)),
      canary: podVersion(target.spec.template.spec),
      stable: podVersion(primary.spec.template.spec),
    };
  }

  gate(type: Parameters<CanaryChecks['gate']>[0]): boolean {
    const hooks = (analysisOf(this.canary).webhooks ?? []).filter((hook) => hook.type === type);
    const { measurements } = this.controller;
    // A rollback hook that answers with success asks for it: without a word of the scenario it never does.
    if (type === 'rollback') return hooks.some(({ name }) => measurements.hasGate(name) && !this.passes(name));
    return hooks.every(({ name }) => this.passes(name));
  }

  private passes(webhook: string): boolean {
    return this.controller.measurements.passes(webhook, this.controller.simulation.now);
  }

  analysis(): boolean {
    const { webhooks = [], metrics = [] } = analysisOf(this.canary);
    const rollout = webhooks.filter(({ type }) => type === undefined || type === '' || type === 'rollout');
    return rollout.every(({ name }) => this.passes(name)) && metrics.every((metric) => this.within(metric));
  }

  /** Whether a metric is within its thresholds; one without values is not. */
  private within(metric: CanaryMetric): boolean {
    const { controller } = this;
    const stated = controller.measurements.statedFor(metric.name);
    const measure = stated?.measure ?? this.measureOf(metric);
    const value =
      stated !== undefined && stated.measure === undefined
        ? Number(stated.value)
        : measure === undefined
          ? undefined
          : controller.measurements.value(measure, this.measured, controller.simulation.now);
    if (value === undefined) return false;
    const { min, max } = rangeOf(metric);
    return (min === undefined || value >= min) && (max === undefined || value <= max);
  }

  private measureOf(metric: CanaryMetric): MeasureSpec | undefined {
    const window = metric.interval === undefined ? MINUTE : (goDuration(metric.interval) ?? MINUTE);
    if (metric.name === 'request-success-rate') return { what: 'successRate', window, of: 'canary', scale: PER_CENT, offset: 0 };
    if (metric.name === 'request-duration') return { what: 'latency', quantile: 0.99, window, of: 'canary', scale: MILLISECONDS, offset: 0 };
    const { templateRef } = metric;
    const namespace = templateRef?.namespace ?? this.canary.metadata.namespace;
    const template = templateRef === undefined ? undefined : this.controller.metricTemplates.get(`${namespace}/${templateRef.name}`);
    const query = metric.query ?? template?.spec.query;
    const read = query === undefined ? undefined : readQuery(query.replaceAll(/\{\{\s*interval\s*\}\}/g, metric.interval ?? '1m'));
    return read === undefined ? undefined : { ...read, window };
  }
}

/** Thresholds; the old form is a minimum of the success rate and a maximum of everything else. */
export function rangeOf({ name, thresholdRange, threshold }: CanaryMetric): { readonly min?: number; readonly max?: number } {
  if (thresholdRange !== undefined || threshold === undefined) return thresholdRange ?? {};
  return name === 'request-success-rate' ? { min: threshold } : { max: threshold };
}
