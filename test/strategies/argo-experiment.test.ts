import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CanaryStep, Rollout, RolloutStatusFields } from '../../src/api/rollout-kinds.js';
import type { ReplicaSet } from '../../src/api/workloads.js';
import type { RolloutChange, RolloutView } from '../../src/strategies/argo/change.js';
import { EXPERIMENT_NAME, newExperimentSet } from '../../src/strategies/argo/experiment.js';
import { reconcileRollout } from '../../src/strategies/argo/reconcile.js';
import { ROLLOUT_HASH } from '../../src/strategies/argo/rollout-spec.js';

/** Experiments, rollback windows and limits of delayed ReplicaSets, look by look. */

const S = 1e9;
const template = (image: string): Rollout['spec']['template'] & {} => ({ metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image }] } }) as unknown as Rollout['spec']['template'] & {};

function set(hash: string, replicas: number, created: number, more: Partial<ReplicaSet['metadata']> = {}): ReplicaSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name: `web-${hash}`, namespace: 'default', uid: hash, resourceVersion: 1, generation: 1, creationTimestamp: created, labels: { [ROLLOUT_HASH]: hash }, ...more },
    spec: { replicas, selector: {}, template: template(`web:${hash}`), minReadySeconds: 0 },
    status: { replicas, availableReplicas: replicas, readyReplicas: replicas },
  } as unknown as ReplicaSet;
}

function rollout(strategy: Rollout['spec']['strategy'], status: RolloutStatusFields, more: Partial<Rollout['spec']> = {}): Rollout {
  const metadata = { name: 'web', namespace: 'default', uid: 'u', resourceVersion: 1, generation: 1, creationTimestamp: 0 };
  return { apiVersion: 'argoproj.io/v1alpha1', kind: 'Rollout', metadata, spec: { replicas: 4, selector: { matchLabels: { app: 'web' } }, template: template('web:new'), strategy, ...more }, status } as unknown as Rollout;
}

const STATUS: RolloutStatusFields = { currentPodHash: 'new', stableRS: 'old', currentStepIndex: 0, observedGeneration: '1' };

/** Looks again and again, with the sets as the look before wrote them. */
class Play {
  rollout: Rollout;
  now = 0;
  current = set('new', 1, 2);
  stable = set('old', 3, 1);
  experiments: ReplicaSet[] = [];
  phases = new Map<string, string>();

  constructor(steps: readonly CanaryStep[]) {
    this.rollout = rollout({ canary: { steps } }, STATUS);
  }

  look(now = this.now): RolloutChange {
    this.now = now;
    const view: RolloutView = { rollout: this.rollout, template: this.rollout.spec.template!, hash: 'new', sets: { current: this.current, stable: this.stable, older: [] }, experiments: this.experiments, phases: this.phases, now };
    const change = reconcileRollout(view);
    this.rollout = { ...this.rollout, status: change.status };
    for (const wanted of change.experiments) this.experiments.push(newExperimentSet(this.rollout, this.rollout.spec.template!, wanted));
    for (const { set: of, replicas, deadline } of change.sets) {
      const annotations = deadline === undefined || deadline === null ? of.metadata.annotations : { ...of.metadata.annotations, 'scale-down-deadline': String(deadline) };
      this.experiments = this.experiments.map((each) => (each.metadata.name === of.metadata.name ? ({ ...each, metadata: { ...each.metadata, annotations }, spec: { ...each.spec, replicas } } as ReplicaSet) : each));
    }
    return change;
  }

  /** The pods of all experiments are there, or as many as are wanted. */
  settle(): void {
    this.experiments = this.experiments.map((each) => ({ ...each, status: { replicas: each.spec.replicas, availableReplicas: each.spec.replicas } }) as ReplicaSet);
  }

  get index(): number | undefined {
    return this.rollout.status.currentStepIndex;
  }
}

const TEMPLATES = [{ name: 'baseline', specRef: 'stable' }, { name: 'canary', specRef: 'canary', replicas: 2 }];

test('an experiment starts its pods, lasts from when all are available, and leaves them for 30 s', () => {
  const play = new Play([{ experiment: { templates: TEMPLATES, duration: '60s' } }, { pause: {} }]);
  const first = play.look(0);
  assert.deepEqual(first.experiments.map(({ template: { name } }) => name), ['baseline', 'canary']);
  assert.deepEqual(play.experiments.map(({ metadata, spec }) => [metadata.name, spec.replicas]), [['web-new-0-baseline', 1], ['web-new-0-canary', 2]]);
  assert.equal(play.look(10 * S).experiments.length, 0, 'they are there');
  play.settle();
  const running = play.look(20 * S);
  assert.equal(running.again, 80 * S);
  play.look(79 * S);
  assert.equal(play.index, 0);
  play.look(80 * S);
  assert.equal(play.index, 1);
  play.look(80 * S);
  assert.deepEqual(play.experiments.map(({ spec }) => spec.replicas), [1, 2]);
  play.look(110 * S);
  assert.deepEqual(play.experiments.map(({ spec }) => spec.replicas), [0, 0]);
  play.settle();
  assert.deepEqual(play.look(111 * S).remove.map(({ metadata }) => metadata.name), ['web-new-0-baseline', 'web-new-0-canary']);
});

test('required analyses end an experiment before its time, failed ones abort the rollout, inconclusive ones pause it', () => {
  const analyses = [{ name: 'a', templateName: 't', requiredForCompletion: true }, { name: 'b', templateName: 't' }];
  const begin = (): Play => {
    const play = new Play([{ experiment: { templates: TEMPLATES, duration: '1h', analyses } }, { pause: {} }]);
    assert.deepEqual(play.look(0).start, [], 'not before the pods are there');
    play.settle();
    assert.deepEqual(play.look(10 * S).start.map(({ name }) => name), ['web-new-0-a', 'web-new-0-b']);
    for (const name of ['a', 'b']) play.phases.set(`web-new-0-${name}`, 'Running');
    play.look(11 * S);
    return play;
  };
  const good = begin();
  good.phases.set('web-new-0-a', 'Successful');
  assert.deepEqual(good.look(20 * S).stop, ['web-new-0-b']);
  assert.equal(good.index, 1);
  const bad = begin();
  bad.phases.set('web-new-0-b', 'Failed');
  bad.look(20 * S);
  assert.equal(bad.rollout.status.abort, true);
  assert.match(bad.rollout.status.message!, /RolloutAborted: experiment analysis web-new-0-b failed/);
  bad.look(21 * S);
  bad.look(60 * S);
  assert.deepEqual(bad.experiments.map(({ spec }) => spec.replicas), [0, 0], 'its pods go too');
  const unclear = begin();
  unclear.phases.set('web-new-0-b', 'Inconclusive');
  unclear.look(20 * S);
  assert.deepEqual(unclear.rollout.status.pauseConditions?.map(({ reason }) => reason), ['InconclusiveAnalysisRun']);
  assert.equal(unclear.index, 0);
});

test('an experiment whose pods do not get ready aborts at the progress deadline', () => {
  const play = new Play([{ experiment: { templates: TEMPLATES, duration: '5s' } }]);
  play.look(0);
  assert.equal(play.look(1 * S).again, 600 * S);
  play.look(600 * S);
  assert.equal(play.rollout.status.abort, true);
  assert.match(play.rollout.status.message!, /experiment "web-new-0" has timed out progressing/);
});

test('pods of an experiment have the hash of their version, unless they have labels of their own', () => {
  const of = rollout({ canary: {} }, STATUS);
  const plain = newExperimentSet(of, template('web:new'), { experiment: 'e', template: { name: 'x', specRef: 'canary' } });
  const labelled = newExperimentSet(of, template('web:new'), { experiment: 'e', template: { name: 'y', specRef: 'canary', metadata: { labels: { role: 'test' } } } });
  assert.equal(plain.metadata.annotations![EXPERIMENT_NAME], 'e');
  assert.deepEqual(plain.spec.selector.matchLabels, plain.spec.template.metadata.labels);
  assert.deepEqual(labelled.spec.selector.matchLabels, labelled.spec.template.metadata.labels);
  assert.equal(labelled.spec.template.metadata.labels!['role'], 'test');
  assert.notEqual(plain.metadata.labels![ROLLOUT_HASH], labelled.metadata.labels![ROLLOUT_HASH]);
});

test('rollbackWindow: back to one of the last revisions without steps (TestRollbackWindow: less than so many between)', () => {
  const steps = [{ pause: {} }, { setWeight: 20 }];
  const look = (revisions: number | undefined, between: number, created: number): number => {
    const older = Array.from({ length: between }, (_, i) => set(`x${i}`, 0, 10 + i));
    const of = rollout({ canary: { steps } }, STATUS, revisions === undefined ? {} : { rollbackWindow: { revisions } });
    const sets = { current: set('new', 1, created), stable: set('old', 4, 50), older };
    return reconcileRollout({ rollout: of, template: of.spec.template!, hash: 'new', sets, experiments: [], phases: new Map(), now: 100 * S }).status.currentStepIndex!;
  };
  assert.equal(look(undefined, 0, 5), 0);
  assert.equal(look(1, 0, 5), 2);
  assert.equal(look(1, 1, 5), 0);
  assert.equal(look(3, 2, 5), 2);
  assert.equal(look(3, 3, 5), 0);
  assert.equal(look(3, 0, 60), 0, 'a new version is no way back');
});

test('scaleDownDelayRevisionLimit: the newest so many keep their pods for the delay', () => {
  const older = [set('a', 2, 1), set('b', 0, 2), set('c', 2, 3), set('d', 2, 4)];
  const look = (limit: number | undefined): string[] => {
    const of = rollout({ blueGreen: { activeService: 'web', ...(limit === undefined ? {} : { scaleDownDelayRevisionLimit: limit }) } }, { ...STATUS, stableRS: 'new', blueGreen: { activeSelector: 'new' } });
    const change = reconcileRollout({ rollout: of, template: of.spec.template!, hash: 'new', sets: { current: set('new', 4, 9), stable: undefined, older }, experiments: [], phases: new Map(), now: 100 * S });
    return change.sets.map(({ set: { metadata }, replicas, deadline }) => `${metadata.uid} ${replicas} ${deadline}`).sort();
  };
  assert.deepEqual(look(undefined), [`a 2 ${130 * S}`, `c 2 ${130 * S}`, `d 2 ${130 * S}`]);
  assert.deepEqual(look(1), ['a 0 null', 'c 0 null', `d 2 ${130 * S}`]);
  assert.deepEqual(look(0), ['a 0 null', 'c 0 null', 'd 0 null']);
});
