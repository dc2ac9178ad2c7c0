import type { Recording } from '../controllers-recording.js';
import { Tally } from '../controllers-tally.js';
import { checkBounds } from './bounds.js';
import { compareEvents } from './events.js';
import { type Facts, factsOf } from './facts.js';
import { compareNodes } from './node-timeline.js';
import type { Replay } from './replay.js';
import { hasMidwayCommands, type Phase, phasesOf, stepText } from './scaling.js';

/** How a replay compares with the recording: every check, and the first differences with both sides. */
export interface Comparison {
  readonly passed: number;
  readonly total: number;
  readonly differences: readonly string[];
}

/** Compares what a simulated control plane did with what a real one did under the same commands. */
export function compareReplay(recording: Recording, replay: Replay): Comparison {
  const tally = new Tally(recording.header.id);
  const real = factsOf(recording);
  const model = factsOf(replay.recording);
  const phases = phasesOf(recording);
  const midway = hasMidwayCommands(phases);
  for (const missed of replay.missed) tally.check(false, 'command or state', missed, 'failed or not reached');
  tally.check(real.names.malformed.length === 0, 'recorded names', real.names.malformed[0] ?? '', '');
  tally.check(model.names.malformed.length === 0, 'names', '', model.names.malformed[0] ?? '');
  compareScaling(phases, phasesOf(replay.recording), tally);
  compareCreated(real, model, midway, tally);
  compareConditions(real, model, tally);
  compareEvents(recording, real.names, replay.recording, model.names, tally);
  compareFinal(real, model, midway, tally);
  compareMaps('order of', real.orders, model.orders, (list) => list?.join(' ') ?? 'none', tally);
  for (let i = 0; i < Math.max(real.answers.length, model.answers.length); i++) {
    tally.check(real.answers[i] === model.answers[i], `answer ${i + 1} to the user`, real.answers[i] ?? 'none', model.answers[i] ?? 'none');
  }
  checkBounds(recording, replay.recording, tally);
  compareNodes(recording, replay.recording, tally);
  return { passed: tally.passed, total: tally.total, differences: tally.differences };
}

function keysOf<T>(a: ReadonlyMap<string, T>, b: ReadonlyMap<string, T>): readonly string[] {
  return [...new Set([...a.keys(), ...b.keys()])];
}

function compareMaps<T>(what: string, real: ReadonlyMap<string, T>, model: ReadonlyMap<string, T>, text: (value: T | undefined) => string, tally: Tally): void {
  for (const key of keysOf(real, model)) {
    const a = text(real.get(key));
    const b = text(model.get(key));
    tally.check(a === b, `${what} ${key}`, a, b);
  }
}

/** The first two steps after each command, when they follow from the same state of the ReplicaSets. */
function compareScaling(real: readonly Phase[], model: readonly Phase[], tally: Tally): void {
  tally.check(real.length === model.length, 'commands that had an effect', String(real.length), String(model.length));
  for (let i = 0; i < Math.min(real.length, model.length); i++) {
    const a = real[i]!;
    const b = model[i]!;
    for (let k = 0; k < 2; k++) {
      const x = a.steps[k];
      const y = b.steps[k];
      if (x !== undefined && y !== undefined && x.before !== y.before) break;
      // A further step that only one of them made follows from readiness, not from the command.
      if ((x === undefined || y === undefined) && (k > 0 || a.midway)) break;
      tally.check(
        x !== undefined && y !== undefined && stepText(x) === stepText(y),
        `step ${k + 1} after ${a.command}, before: ${(x ?? y)?.before ?? ''}`,
        x === undefined ? 'none' : stepText(x),
        y === undefined ? 'none' : stepText(y),
      );
    }
  }
}

/** Objects created. Pods beyond those that were evicted; after commands in the middle of a rollout within what may exist at once. */
function compareCreated(real: Facts, model: Facts, midway: boolean, tally: Tally): void {
  for (const key of keysOf(real.created, model.created)) {
    const a = (real.created.get(key) ?? 0) - (real.evicted.get(key) ?? 0);
    const b = (model.created.get(key) ?? 0) - (model.evicted.get(key) ?? 0);
    const slack = midway && key.startsWith('Pod of ReplicaSet') ? Math.max(2, Math.ceil(Math.max(a, b) / 2)) : 0;
    tally.check(Math.abs(a - b) <= slack, `created ${key}`, String(a), String(b));
  }
}

/** Transitions of conditions in order; those that depend on how much is seen at one look may be more or fewer. */
function compareConditions(real: Facts, model: Facts, tally: Tally): void {
  for (const key of keysOf(real.conditions, model.conditions)) {
    const a = real.conditions.get(key) ?? [];
    const b = model.conditions.get(key) ?? [];
    const same = a.join('\n') === b.join('\n') || settled(key, a).join('\n') === settled(key, b).join('\n');
    tally.check(same, `conditions ${key}`, a.join(' > ') || 'none', b.join(' > ') || 'none');
  }
}

/** Without transitions that come and go between two syncs: progress before a new ReplicaSet, availability that returns. */
function settled(key: string, transitions: readonly string[]): readonly string[] {
  if (key.endsWith(' Progressing')) {
    return transitions.filter((text, i) => !(text.startsWith('True/ReplicaSetUpdated') && /^True\/(NewReplicaSetCreated|FoundNewReplicaSet)/.test(transitions[i + 1] ?? '')));
  }
  return key.endsWith(' Available') ? [...new Set(transitions)] : transitions;
}

function compareFinal(real: Facts, model: Facts, midway: boolean, tally: Tally): void {
  // A ReplicaSet keeps the sizes that were wanted when it last had pods.
  const text = (value: string | undefined): string =>
    value === undefined ? 'none' : midway && value.startsWith('replicas 0 ') ? value.replace(/(desired|max)-replicas=\d+ /g, '') : value;
  compareMaps('final', real.final, model.final, text, tally);
}
