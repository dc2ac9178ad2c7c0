import type { Pod } from '../../api/core.js';
import { controllerOf, type KubernetesObject } from '../../api/meta.js';
import { type Duration, MILLISECOND, SECOND, type Time } from '../../kernel/time.js';
import type { Stream } from '../../random/stream.js';
import type { Recording } from '../controllers-recording.js';
import type { PodStage } from './stage-patches.js';

/** From binding to Running (stage delay 50 ms), and what a stage without delay takes. */
const START: Duration = 50 * MILLISECOND;
const IMMEDIATE: Duration = 5 * MILLISECOND;
/** How long a pod of a Job runs that does not say. */
const RUN: Duration = SECOND;

/** When one recorded pod reached its stages. */
interface PodLife {
  scheduled: Time;
  running: Time;
  ready: Time;
  ended: Time;
}

const NEVER = -1;

/**
 * How long pods stay in each stage: as the pod that was recorded in the same place (owner in order of its first pod, pod in
 * order of creation); pods beyond those draw from what their annotations say.
 */
export class PodTimes {
  private readonly recorded: ReadonlyMap<string, readonly PodLife[]>;
  private readonly draws: Stream;
  private readonly places = new Places();
  private readonly counts = new Map<string, number>();
  private readonly lives = new Map<string, PodLife | undefined>();

  constructor(recording: Recording, draws: Stream) {
    this.recorded = livesOf(recording);
    this.draws = draws;
  }

  /** Gives a pod its place; pods must come in order of their creation. */
  note(pod: Pod): void {
    const { uid, name, annotations } = pod.metadata;
    if (this.lives.has(uid)) return;
    const owner = controllerOf(pod as KubernetesObject);
    const place = this.places.of(owner?.kind, owner?.name, name, annotations);
    const ordinal = this.counts.get(place) ?? 0;
    this.counts.set(place, ordinal + 1);
    this.lives.set(uid, this.recorded.get(place)?.[ordinal]);
  }

  /** Delay from the stage before; undefined: never. */
  delay(pod: Pod, stage: PodStage | 'deleting'): Duration | undefined {
    const annotations = pod.metadata.annotations ?? {};
    const life = this.lives.get(pod.metadata.uid);
    switch (stage) {
      case 'running':
        return between(life?.scheduled, life?.running) ?? START;
      case 'ready':
        return between(life?.running, life?.ready) ?? this.draw(annotations, 'tow/ready') ?? IMMEDIATE;
      case 'deleting':
        return this.draw(annotations, 'tow/stop') ?? IMMEDIATE;
      default:
        return between(life?.ready, life?.ended) ?? this.draw(annotations, 'tow/run') ?? RUN;
    }
  }

  /** A fixed or uniform duration of annotations `name` and `name-max`. */
  private draw(annotations: Readonly<Record<string, string>>, name: string): Duration | undefined {
    const low = durationOf(annotations[name]);
    if (low === undefined) return undefined;
    const high = durationOf(annotations[`${name}-max`]);
    return high === undefined ? low : low + Math.round(this.draws.next() * (high - low));
  }
}

/** Tells which pods stand for one another in two runs. */
class Places {
  private readonly replicaSets = new Map<string, string>();

  /** Pods of an owner, of one index if they have indexes, of one name if names return; ReplicaSets in order of their first pods. */
  of(kind: string | undefined, owner: string | undefined, name: string, annotations: Readonly<Record<string, string>> | undefined): string {
    if (kind === 'StatefulSet') return `pod/${name}`;
    if (kind === 'ReplicaSet') {
      const known = this.replicaSets.get(owner!) ?? `r${this.replicaSets.size + 1}`;
      this.replicaSets.set(owner!, known);
      return known;
    }
    return `${kind ?? ''}/${owner ?? ''}/${annotations?.['batch.kubernetes.io/job-completion-index'] ?? ''}`;
  }
}

function between(from: Time | undefined, to: Time | undefined): Duration | undefined {
  return from === undefined || to === undefined || from === NEVER || to === NEVER ? undefined : Math.max(0, to - from);
}

/** `500ms`, `2s`, `1m`. */
export function durationOf(text: string | undefined): Duration | undefined {
  const match = text === undefined ? null : /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text);
  if (match === null) return undefined;
  const unit = match[2] === 'ms' ? MILLISECOND : match[2] === 's' ? SECOND : 60 * SECOND;
  return Math.round(Number(match[1]) * unit);
}

function livesOf(recording: Recording): ReadonlyMap<string, readonly PodLife[]> {
  const owners = new Map<string, PodLife[]>();
  const places = new Places();
  const lives = new Map<string, PodLife>();
  for (const change of recording.changes) {
    if (change.kind !== 'Pod') continue;
    const { metadata, spec, status } = change.object as unknown as {
      readonly metadata: { readonly uid: string; readonly annotations?: Readonly<Record<string, string>>; readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[] };
      readonly spec: { readonly nodeName?: string };
      readonly status: { readonly phase?: string; readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
    };
    let life = lives.get(metadata.uid);
    if (life === undefined) {
      life = { scheduled: NEVER, running: NEVER, ready: NEVER, ended: NEVER };
      lives.set(metadata.uid, life);
      const owner = metadata.ownerReferences?.[0];
      const key = places.of(owner?.kind, owner?.name, change.name, metadata.annotations);
      const list = owners.get(key);
      if (list === undefined) owners.set(key, [life]);
      else list.push(life);
    }
    if (life.scheduled === NEVER && (spec.nodeName ?? '') !== '') life.scheduled = change.time;
    if (life.running === NEVER && status.phase === 'Running') life.running = change.time;
    const ready = status.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') === true;
    if (life.ready === NEVER && ready) life.ready = change.time;
    if (life.ended === NEVER && (status.phase === 'Succeeded' || status.phase === 'Failed')) life.ended = change.time;
  }
  return owners;
}
