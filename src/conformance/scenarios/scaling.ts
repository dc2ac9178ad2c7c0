import type { Time } from '../../kernel/time.js';
import type { RecordedChange, Recording } from '../controllers-recording.js';
import { ownerOf } from './names.js';

/** One write of a ReplicaSet's size. */
export interface ScaleStep {
  readonly time: Time;
  /** Place of the ReplicaSet in order of creation. */
  readonly set: number;
  readonly from: number;
  readonly to: number;
  /** Size, pods, ready and available of all ReplicaSets before, as text. */
  readonly before: string;
}

/** Steps that followed one command of the user. */
export interface Phase {
  readonly command: string;
  /** A rollout was under way when the command came. */
  readonly midway: boolean;
  readonly steps: readonly ScaleStep[];
}

interface RawSet {
  readonly spec: { readonly replicas?: number };
  readonly status: { readonly replicas?: number; readonly readyReplicas?: number; readonly availableReplicas?: number };
}

/** Commands that change what a Deployment is to be. */
function changesDeployment(name: string): boolean {
  return /^(create|patch) Deployment\//.test(name) || /^kubectl rollout (undo|pause|resume)/.test(name);
}

/** Sizes of ReplicaSets by phases: each begins with a command, the last change before it belongs to the phase before. */
export function phasesOf(recording: Recording): readonly Phase[] {
  const begins = commandRevisions(recording);
  const phases: { command: string; midway: boolean; steps: ScaleStep[] }[] = [];
  const sets = new Map<string, { readonly place: number; object: RawSet }>();
  let next = 0;
  for (const change of recording.changes) {
    while (next < begins.length && begins[next]!.revision <= change.revision) {
      phases.push({ command: begins[next]!.command, midway: begins[next]!.midway, steps: [] });
      next++;
    }
    if (change.kind !== 'ReplicaSet' || !ownerOf(change).startsWith('Deployment/')) continue;
    const known = sets.get(change.name);
    if (change.type === 'D') continue;
    const object = change.object as unknown as RawSet;
    const from = known?.object.spec.replicas ?? 0;
    const to = object.spec.replicas ?? 0;
    const place = known?.place ?? sets.size + 1;
    if (known === undefined || from !== to) phases.at(-1)?.steps.push({ time: change.time, set: place, from, to, before: stateText(sets.values()) });
    sets.set(change.name, { place, object });
  }
  return phases;
}

function stateText(sets: Iterable<{ readonly place: number; readonly object: RawSet }>): string {
  const texts: string[] = [];
  for (const { place, object } of sets) {
    const { replicas, readyReplicas, availableReplicas } = object.status;
    texts.push(`r${place} ${object.spec.replicas ?? 0}/${replicas ?? 0}/${readyReplicas ?? 0}/${availableReplicas ?? 0}`);
  }
  return texts.join(' ');
}

/** Each command with the revision of its effect: the Deployment's next generation. */
function commandRevisions(recording: Recording): readonly { readonly command: string; readonly revision: number; readonly midway: boolean }[] {
  const generations = generationsOf(recording.changes);
  const found: { command: string; revision: number; midway: boolean }[] = [];
  let reached = true;
  let generation = 0;
  for (const { name } of recording.commands) {
    if (/^(reached|TIMEOUT)/.test(name)) reached = true;
    if (!changesDeployment(name)) continue;
    const revision = generations[generation++];
    if (revision !== undefined) found.push({ command: name, revision, midway: !reached });
    reached = false;
  }
  return found;
}

/** Revisions at which the specification of a Deployment changed, by a user (not by an autoscaler). */
function generationsOf(changes: readonly RecordedChange[]): readonly number[] {
  const revisions: number[] = [];
  let last = 0;
  for (const { kind, object, revision } of changes) {
    if (kind !== 'Deployment') continue;
    const { generation = 0 } = object['metadata'] as { readonly generation?: number };
    if (generation > last) revisions.push(revision);
    last = Math.max(last, generation);
  }
  return revisions;
}

/** Whether any command came while a rollout was under way: then the way from there on depends on the moment. */
export function hasMidwayCommands(phases: readonly Phase[]): boolean {
  return phases.some(({ midway }) => midway);
}

export function stepText({ set, from, to }: ScaleStep): string {
  return `r${set} ${from}→${to}`;
}
