import type { AnalysisMetric, AnalysisRun, AnalysisTemplate } from '../../api/rollout-kinds.js';
import { goDuration } from '../../api/go-duration.js';
import { CONSECUTIVE_ERROR_LIMIT, type MetricRule } from './assess.js';
import { type Expression, parseExpression } from './expression.js';

/** The rules of an analysis by its metrics. Throws ExpressionError for a condition that cannot be read. */
export function rulesOf(spec: AnalysisRun['spec'] | AnalysisTemplate['spec']): readonly MetricRule[] {
  const dry = new Set((spec.dryRun ?? []).map(({ metricName }) => metricName));
  const all = dry.has('.*') || dry.has('*');
  return (spec.metrics ?? []).map((metric) => ruleOf(metric, all || dry.has(metric.name)));
}

function ruleOf(metric: AnalysisMetric, dryRun: boolean): MetricRule {
  return {
    name: metric.name,
    interval: metric.interval === undefined ? 0 : (goDuration(metric.interval) ?? 0),
    initialDelay: metric.initialDelay === undefined ? 0 : (goDuration(metric.initialDelay) ?? 0),
    count: Number(metric.count ?? 0),
    failureLimit: Number(metric.failureLimit ?? 0),
    inconclusiveLimit: Number(metric.inconclusiveLimit ?? 0),
    consecutiveErrorLimit: Number(metric.consecutiveErrorLimit ?? CONSECUTIVE_ERROR_LIMIT),
    consecutiveSuccessLimit: Number(metric.consecutiveSuccessLimit ?? 0),
    success: condition(metric.successCondition),
    failure: condition(metric.failureCondition),
    dryRun,
  };
}

function condition(text: string | undefined): Expression | null {
  return text === undefined || text.trim() === '' ? null : parseExpression(text);
}
