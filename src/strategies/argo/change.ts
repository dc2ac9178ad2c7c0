import type { PodTemplateSpec } from '../../api/core.js';
import type { AnalysisRole, PauseReason, Rollout, RolloutAnalysis, RolloutStatusFields } from '../../api/rollout-kinds.js';
import type { ReplicaSet } from '../../api/workloads.js';
import type { Time } from '../../kernel/time.js';
import type { ExperimentSet } from './experiment.js';
import { replicasOf, type RolloutSets } from './rollout-spec.js';

/** What the controller sees of a Rollout when it looks at it. */
export interface RolloutView {
  readonly rollout: Rollout;
  readonly template: PodTemplateSpec;
  /** Hash of the template. */
  readonly hash: string;
  readonly sets: RolloutSets;
  /** ReplicaSets of experiments. */
  readonly experiments: readonly ReplicaSet[];
  /** Phases of the analysis runs that the status names, as far as the cache has them. */
  readonly phases: ReadonlyMap<string, string>;
  readonly now: Time;
}

/** Annotation with the instant at which a ReplicaSet is to be scaled down (here: nanoseconds of simulated time). */
export const SCALE_DOWN_DEADLINE = 'scale-down-deadline';

/** A ReplicaSet to be written. */
export interface SetChange {
  readonly set: ReplicaSet;
  readonly replicas: number;
  /** When it is to be scaled down: null, it is not; absent: as it was. */
  readonly deadline?: Time | null;
}

/** What a look at a Rollout leads to. */
export interface RolloutChange {
  /** The ReplicaSet of the template does not exist yet. */
  readonly create: boolean;
  readonly sets: readonly SetChange[];
  /** ReplicaSets of experiments that do not exist yet. */
  readonly experiments: readonly ExperimentSet[];
  readonly remove: readonly ReplicaSet[];
  /** Services with the hash that their selectors are to have. */
  readonly selectors: readonly { readonly service: string; readonly hash: string }[];
  /** What the router is to do; absent: there is none, or nothing is known yet. */
  readonly route?: { readonly canary: number; readonly mirror: number; readonly header: boolean };
  readonly start: readonly { readonly role: AnalysisRole; readonly name: string; readonly analysis: RolloutAnalysis }[];
  readonly stop: readonly string[];
  readonly status: RolloutStatusFields;
  /** When to look again although nothing happens; Infinity: not at all. */
  readonly again: Time;
}

/** A change while it is being decided. */
export class Draft {
  create = false;
  readonly sets: SetChange[] = [];
  readonly experiments: ExperimentSet[] = [];
  readonly remove: ReplicaSet[] = [];
  readonly selectors: { readonly service: string; readonly hash: string }[] = [];
  route: RolloutChange['route'];
  readonly start: { readonly role: AnalysisRole; readonly name: string; readonly analysis: RolloutAnalysis }[] = [];
  readonly stop: string[] = [];
  status: RolloutStatusFields;
  again: Time = Number.POSITIVE_INFINITY;
  readonly view: RolloutView;

  constructor(view: RolloutView) {
    this.view = view;
    this.status = view.rollout.status;
  }

  set(fields: Partial<RolloutStatusFields>): void {
    this.status = { ...this.status, ...fields };
  }

  drop(...keys: readonly (keyof RolloutStatusFields)[]): void {
    this.status = Object.fromEntries(Object.entries(this.status).filter(([key]) => !(keys as readonly string[]).includes(key)));
  }

  later(time: Time): void {
    if (time < this.again) this.again = time;
  }

  /** Gives a set its size, if that changes anything. */
  size(set: ReplicaSet | undefined, replicas: number, deadline?: Time | null): void {
    if (set === undefined) return;
    const has = deadlineOf(set);
    const same = deadline === undefined || (deadline === null ? has === undefined : has === deadline);
    if (set.spec.replicas === replicas && same) return;
    this.sets.push({ set, replicas, ...(deadline === undefined ? {} : { deadline }) });
  }

  /** Ends the rollout of this version: traffic and size of the stable one come back. */
  abort(message: string): void {
    if (this.status.abort === true) return;
    this.set({ abort: true, abortedAt: this.view.now, message });
    this.drop('pauseConditions', 'controllerPause', 'promoteFull');
  }

  pausedBy(reason: PauseReason): { readonly startTime: Time } | undefined {
    return this.status.pauseConditions?.find((each) => each.reason === reason);
  }

  pause(reason: PauseReason): void {
    if (this.pausedBy(reason) !== undefined) return;
    const all = [...(this.status.pauseConditions ?? []), { reason, startTime: this.view.now }];
    this.set({ pauseConditions: all, controllerPause: true });
  }

  resume(reason: PauseReason): void {
    const rest = (this.status.pauseConditions ?? []).filter((each) => each.reason !== reason);
    if (rest.length > 0) this.set({ pauseConditions: rest });
    else this.drop('pauseConditions', 'controllerPause');
  }

  /** A pause that the user has ended: the controller paused, and its condition has been taken away. */
  promoted(reason: PauseReason): boolean {
    return this.status.controllerPause === true && this.pausedBy(reason) === undefined;
  }

  /** The phase of the analysis of a role; undefined: it has not been started. */
  analysis(role: AnalysisRole, name: string): string | undefined {
    return this.status.analyses?.find((each) => each.role === role && each.name === name)?.phase;
  }

  /** Starts an analysis run and notes it. */
  analyse(role: AnalysisRole, name: string, analysis: RolloutAnalysis): void {
    this.start.push({ role, name, analysis });
    // An experiment may have several.
    this.set({ analyses: [...(this.status.analyses ?? []).filter((each) => each.role !== role || (role === 'experiment' && each.name !== name)), { role, name, phase: 'Pending' }] });
  }

  /** Ends the analysis runs that are under way, of one role or all. */
  stopAnalyses(only?: AnalysisRole): void {
    for (const { role, name, phase } of this.status.analyses ?? []) if (isOpen(phase) && (only === undefined || role === only)) this.stop.push(name);
  }

  finish(): RolloutChange {
    const { create, sets, experiments, remove, selectors, route, start, stop, status, again } = this;
    return { create, sets, experiments, remove, selectors, ...(route === undefined ? {} : { route }), start, stop, status, again };
  }
}

export function isOpen(phase: string): boolean {
  return phase === 'Pending' || phase === 'Running' || phase === '';
}

export function deadlineOf(set: ReplicaSet): Time | undefined {
  const text = set.metadata.annotations?.[SCALE_DOWN_DEADLINE];
  return text === undefined ? undefined : Number(text);
}

export function available(set: ReplicaSet | undefined): number {
  return set?.status.availableReplicas ?? 0;
}

/** Available and of the wanted size. */
export function isAt(set: ReplicaSet | undefined, replicas: number): boolean {
  return set !== undefined && set.spec.replicas === replicas && available(set) === replicas;
}

/** A set that nobody needs any more goes when its deadline has passed; a first look gives it one. */
export function scaleDownLater(draft: Draft, set: ReplicaSet, delay: number): void {
  if (set.spec.replicas === 0) return;
  const { now } = draft.view;
  const deadline = deadlineOf(set) ?? now + delay;
  if (deadline <= now) draft.size(set, 0, null);
  else {
    if (deadline === Number.POSITIVE_INFINITY) return;
    draft.size(set, set.spec.replicas, deadline);
    draft.later(deadline);
  }
}

/** Old sets, in order of their revisions: the newest `limit` of those with pods go when their deadline has passed, the others at once (scaleDownDelayHelper). */
export function scaleDownAll(draft: Draft, older: readonly ReplicaSet[], delay: number, limit: number): void {
  let kept = 0;
  for (const set of [...older].reverse()) {
    if (set.spec.replicas === 0) continue;
    if (kept++ < limit) scaleDownLater(draft, set, delay);
    else draft.size(set, 0, null);
  }
}

/** Counts of pods over all ReplicaSets. */
export function counts(view: RolloutView): RolloutStatusFields {
  const { current, stable, older } = view.sets;
  const all = [current, stable, ...older].filter((set) => set !== undefined);
  const sum = (count: (set: ReplicaSet) => number): number => all.reduce((total, set) => total + count(set), 0);
  return {
    replicas: sum((set) => set.status.replicas),
    updatedReplicas: current?.status.replicas ?? 0,
    readyReplicas: sum((set) => set.status.readyReplicas ?? 0),
    availableReplicas: sum(available),
  };
}

/** Whether the version of the template is the stable one and complete. */
export function isHealthy(view: RolloutView, status: RolloutStatusFields): boolean {
  const wanted = replicasOf(view.rollout);
  return status.stableRS === view.hash && isAt(view.sets.current, wanted);
}
