import type { Canary, Rollout } from '../api/rollout-kinds.js';
import type { Deployment } from '../api/workloads.js';
import { toMeasurement, toWebhookGate } from './analysis.js';
import type { RawScenario, RawStrategy } from './schema.js';
import type { Path } from './source.js';
import type { TimelineContext } from './timeline.js';
import { parseObjective } from './objectives.js';
import type { Objective, ObjectName, RollbackSpec, RolloutSpec, StrategySpec } from './types.js';
import { duration } from './units.js';

/** Default time that the old version is kept after a blue-green switch. */
const DEFAULT_HOLD = '30s';
/** Exponential canaries double unless told. */
const DEFAULT_FACTOR = 2;

/** The rollout in question, with its strategies. */
export function toRollout(raw: NonNullable<RawScenario['rollout']>, context: TimelineContext): RolloutSpec | undefined {
  context.images.push(context.imageAt(raw.image, ['rollout', 'image']));
  const controlled = toControlledRollout(raw, context);
  if (controlled !== null) return controlled;
  if (raw.deployment === undefined) return undefined;
  const found = context.references.container({ ...raw, deployment: raw.deployment }, ['rollout']);
  const rolling = found?.object.spec.strategy.rollingUpdate ?? { maxSurge: '25%', maxUnavailable: '25%' };
  const strategies: StrategySpec[] = [];
  const names = new Set<string>();
  (raw.strategies ?? [undefined]).forEach((each, i) => {
    const path: Path = ['rollout', 'strategies', i];
    const strategy =
      each === undefined
        ? ownStrategy(found?.object.spec.strategy.type, rolling)
        : toStrategy(typeof each === 'string' ? { [each]: {} } : each, path, rolling, context);
    if (strategy === undefined) return;
    if (names.has(strategy.name)) {
      context.errors.push(
        context.complain(path, `two strategies are named ${strategy.name}; give one a name of its own`),
      );
    }
    names.add(strategy.name);
    strategies.push(strategy);
  });
  return found && { ...toAnswers(raw), deployment: found.deployment, container: found.container, image: raw.image, at: duration(raw.at), strategies };
}

function toAnswers(raw: NonNullable<RawScenario['rollout']>): Pick<RolloutSpec, 'measurements' | 'webhooks'> {
  return {
    ...(raw.measurements === undefined ? {} : { measurements: raw.measurements.map(toMeasurement) }),
    ...(raw.webhooks === undefined ? {} : { webhooks: raw.webhooks.map(toWebhookGate) }),
  };
}

/** A rollout that Argo Rollouts or Flagger carries out; undefined after an error; null: it is neither. */
function toControlledRollout(raw: NonNullable<RawScenario['rollout']>, context: TimelineContext): RolloutSpec | undefined | null {
  const { references, namespace } = context;
  const complain = (path: Path, message: string): undefined => references.complain(path, message);
  if ((raw.rollout === undefined) === (raw.deployment === undefined)) return complain(['rollout'], 'expected one of "deployment" and "rollout"');
  const rest = { ...toAnswers(raw), image: raw.image, at: duration(raw.at) };
  if (raw.rollout === undefined) {
    const of = raw.namespace ?? namespace;
    const watching = references.all('Canary').find(({ object }) => object.metadata.namespace === of && (object as Canary).spec.targetRef.name === raw.deployment);
    if (watching === undefined) return null;
    if (raw.strategies !== undefined) return complain(['rollout', 'strategies'], `the Canary "${watching.object.metadata.name}" says how the Deployment is rolled out`);
    const found = references.container({ ...raw, deployment: raw.deployment! }, ['rollout']);
    const canary: ObjectName = { namespace: of, name: watching.object.metadata.name };
    return found && { ...rest, deployment: found.deployment, container: found.container, strategies: [{ name: 'flagger', kind: 'flagger', canary }] };
  }
  if (raw.strategies !== undefined) return complain(['rollout', 'strategies'], `the Rollout "${raw.rollout}" says itself how it is rolled out`);
  const found = references.object('Rollout', raw.rollout, raw.namespace, ['rollout', 'rollout']);
  if (found === undefined) return undefined;
  const { metadata, spec } = found.object as Rollout;
  const workload = spec.workloadRef?.name;
  const of = workload === undefined ? undefined : references.object('Deployment', workload, metadata.namespace, ['rollout', 'rollout']);
  if (workload !== undefined && of === undefined) return undefined;
  const template = spec.template ?? (of!.object as Deployment).spec.template;
  const names = template.spec.containers.map(({ name }) => name);
  const container = raw.container ?? names[0]!;
  if (!names.includes(container)) return complain(['rollout', 'container'], `the Rollout ${raw.rollout} has no container named ${container}; there are ${names.join(', ')}`);
  const strategy: StrategySpec = { name: `argo ${spec.strategy.canary === undefined ? 'blueGreen' : 'canary'}`, kind: 'argo', ...(workload === undefined ? {} : { workload }) };
  return { ...rest, deployment: { namespace: metadata.namespace, name: metadata.name }, container, strategies: [strategy] };
}

type Rolling = { readonly maxSurge: number | string; readonly maxUnavailable: number | string };

/** What the Deployment itself says. */
function ownStrategy(type: 'RollingUpdate' | 'Recreate' | undefined, rolling: Rolling): StrategySpec {
  if (type === 'Recreate') return { name: 'recreate', kind: 'recreate' };
  return { name: 'ramped', kind: 'ramped', maxSurge: rolling.maxSurge, maxUnavailable: rolling.maxUnavailable };
}

function toStrategy(
  raw: RawStrategy,
  path: Path,
  rolling: Rolling,
  context: TimelineContext,
): StrategySpec | undefined {
  const given = (['recreate', 'ramped', 'blueGreen', 'canary'] as const).filter((kind) => raw[kind] !== undefined);
  const [kind] = given;
  if (given.length !== 1 || kind === undefined) {
    const found = given.join(' and ') || 'none of them';
    context.errors.push(context.complain(path, `expected one of recreate, ramped, blueGreen, canary, found ${found}`));
    return undefined;
  }
  const name = raw.name ?? kind;
  const rollback = toRollback(raw.rollback, path, context);
  switch (kind) {
    case 'recreate':
      return { name, kind, ...rollback };
    case 'ramped': {
      const maxSurge = raw.ramped?.maxSurge ?? rolling.maxSurge;
      const maxUnavailable = raw.ramped?.maxUnavailable ?? rolling.maxUnavailable;
      if (isZero(maxSurge) && isZero(maxUnavailable)) {
        context.errors.push(context.complain([...path, 'ramped'], 'maxUnavailable may not be 0 when maxSurge is 0'));
      }
      return { name, kind, maxSurge, maxUnavailable, ...rollback };
    }
    case 'blueGreen':
      return { name, kind, hold: duration(raw.blueGreen?.hold ?? DEFAULT_HOLD), ...rollback };
    case 'canary': {
      const steps = canarySteps(raw.canary as NonNullable<RawStrategy['canary']>, [...path, 'canary'], context);
      const routing = raw.canary?.routing;
      return steps && { name, kind, steps, ...(routing === undefined ? {} : { routing }), ...rollback };
    }
  }
}

/** The steps of a canary: given, or by a curve; undefined after an error. */
function canarySteps(
  raw: NonNullable<RawStrategy['canary']>,
  path: Path,
  context: TimelineContext,
): readonly { readonly weight: number; readonly pause: number }[] | undefined {
  const { steps, linear, exponential } = raw;
  const given = [steps, linear, exponential].filter((each) => each !== undefined);
  if (given.length !== 1) {
    context.errors.push(context.complain(path, 'expected one of steps, linear, exponential'));
    return undefined;
  }
  if (linear !== undefined) return linearSteps(linear.step, duration(linear.pause));
  if (exponential !== undefined) return exponentialSteps(exponential.from, exponential.factor ?? DEFAULT_FACTOR, duration(exponential.pause));
  steps!.forEach((step, i) => {
    if (i === 0 || step.weight >= steps![i - 1]!.weight) return;
    const message = `expected weights that never fall, found ${step.weight} after ${steps![i - 1]!.weight}`;
    context.errors.push(context.complain([...path, 'steps', i, 'weight'], message));
  });
  return steps!.map((step) => ({ weight: step.weight, pause: duration(step.pause) }));
}

/** step, 2·step, … below 100: the last step is what follows them anyway. */
export function linearSteps(step: number, pause: number): { readonly weight: number; readonly pause: number }[] {
  const steps: { weight: number; pause: number }[] = [];
  for (let weight = step; weight < 100; weight += step) steps.push({ weight, pause });
  return [...steps, { weight: 100, pause: 0 }];
}

/** from, from·factor, … below 100, then all. */
export function exponentialSteps(from: number, factor: number, pause: number): { readonly weight: number; readonly pause: number }[] {
  const steps: { weight: number; pause: number }[] = [];
  for (let weight = from; weight < 100; weight *= factor) steps.push({ weight, pause });
  return [...steps, { weight: 100, pause: 0 }];
}

function toRollback(raw: RawStrategy['rollback'], path: Path, context: TimelineContext): { readonly rollback?: RollbackSpec } {
  if (raw === undefined) return {};
  const { timeout, analysis } = raw;
  const objectives: Objective[] = [];
  analysis?.objectives.forEach((text, i) => {
    const at: Path = [...path, 'rollback', 'analysis', 'objectives', i];
    const objective = parseObjective(text, context.place(at));
    if (typeof objective !== 'string' && ['errors', 'latency', 'restarts'].includes(objective.metric)) objectives.push(objective);
    else context.errors.push(context.complain(at, typeof objective === 'string' ? objective : 'expected an objective of errors, latency or restarts'));
  });
  return {
    rollback: {
      ...(timeout === undefined ? {} : { timeout: duration(timeout) }),
      ...(analysis === undefined
        ? {}
        : {
            analysis: {
              interval: duration(analysis.interval ?? '10s'),
              window: duration(analysis.window ?? '30s'),
              failureLimit: analysis.failureLimit ?? 0,
              objectives,
              watch: duration(analysis.watch ?? '0s'),
            },
          }),
    },
  };
}

function isZero(value: number | string): boolean {
  return value === 0 || value === '0%';
}
