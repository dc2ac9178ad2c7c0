import type { IntOrString } from '../../api/meta.js';
import { resolveFenceposts } from '../../controllers/deployment-rollout.js';
import { SECOND, type Time } from '../../kernel/time.js';
import type { Recording } from '../controllers-recording.js';
import type { Tally } from '../controllers-tally.js';

/** What holds of any run: sizes and availability at every revision, and roughly as many writes and as much time as recorded. */

/** Status writes of a kind: between a third and three times as many, and this many more. */
const WRITES_FACTOR = 3;
const WRITES_MORE = 12;
/** From a command to the state that followed: within this factor, and this much more. */
const TIME_FACTOR = 2;
const TIME_MORE = 5 * SECOND;
/** Starts of pods of a Job, relative to the first: the recorded machine was up to this late. */
const START_SLACK = 2.5 * SECOND;

interface RawDeployment {
  readonly spec: {
    readonly replicas?: number;
    readonly strategy?: { readonly type?: string; readonly rollingUpdate?: { readonly maxSurge?: IntOrString; readonly maxUnavailable?: IntOrString } };
  };
}

export function checkBounds(real: Recording, model: Recording, tally: Tally): void {
  checkSizes('recorded', real, tally);
  checkSizes('simulated', model, tally);
  compareWrites(real, model, tally);
  compareDurations(real, model, tally);
  compareStarts(real, model, tally);
}

/** Σ spec.replicas ≤ replicas + surge while nobody changes what is wanted. */
function checkSizes(whose: string, recording: Recording, tally: Tally): void {
  const sizes = new Map<string, number>();
  let limit = Number.POSITIVE_INFINITY;
  let worst = '';
  for (const { kind, name, type, object, revision } of recording.changes) {
    if (kind === 'Deployment' && type !== 'D') {
      const { spec } = object as unknown as RawDeployment;
      const { maxSurge = '25%', maxUnavailable = '25%' } = spec.strategy?.rollingUpdate ?? {};
      const replicas = spec.replicas ?? 1;
      const wanted = spec.strategy?.type === 'Recreate' ? replicas : replicas + resolveFenceposts(maxSurge, maxUnavailable, replicas).surge;
      // After a change downwards the sizes follow in the next writes.
      limit = Math.max(wanted, sum(sizes));
    } else if (kind === 'ReplicaSet') {
      if (type === 'D') sizes.delete(name);
      else sizes.set(name, (object['spec'] as { readonly replicas?: number }).replicas ?? 0);
      if (sum(sizes) > limit && worst === '') worst = `${sum(sizes)} at revision ${revision}, at most ${limit}`;
    }
  }
  if (limit < Number.POSITIVE_INFINITY) tally.check(worst === '', `${whose} sizes of ReplicaSets`, whose === 'recorded' ? worst : '', whose === 'recorded' ? '' : worst);
}

function sum(sizes: ReadonlyMap<string, number>): number {
  let total = 0;
  for (const size of sizes.values()) total += size;
  return total;
}

function countWrites(recording: Recording): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { kind, type } of recording.changes) {
    if (type !== 'M' || kind === 'Event' || kind === 'Lease' || kind === 'Node') continue;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

function compareWrites(real: Recording, model: Recording, tally: Tally): void {
  const a = countWrites(real);
  const b = countWrites(model);
  for (const kind of new Set([...a.keys(), ...b.keys()])) {
    const x = a.get(kind) ?? 0;
    const y = b.get(kind) ?? 0;
    const fits = y <= x * WRITES_FACTOR + WRITES_MORE && x <= y * WRITES_FACTOR + WRITES_MORE;
    tally.check(fits, `changes of ${kind}s, within a factor of ${WRITES_FACTOR}`, String(x), String(y));
  }
}

/** Time from the command before to each state that was reached. */
function durations(recording: Recording): readonly { readonly name: string; readonly time: Time }[] {
  const found: { name: string; time: Time }[] = [];
  let last: Time = 0;
  for (const { name, time } of recording.commands) {
    if (/^WATCH/.test(name)) continue;
    if (/^reached/.test(name)) found.push({ name, time: time - last });
    last = time;
  }
  return found;
}

function compareDurations(real: Recording, model: Recording, tally: Tally): void {
  // With the default limits several scenarios shared one client: then it took as long as all of them.
  if (real.header.versions?.note === 'kcm-default-qps') return;
  const a = durations(real);
  const b = durations(model);
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const x = a[i]!.time;
    const y = b[i]!.time;
    const fits = y <= x * TIME_FACTOR + TIME_MORE && x <= y * TIME_FACTOR + TIME_MORE;
    tally.check(fits, `time until "${a[i]!.name}", within a factor of ${TIME_FACTOR}`, seconds(x), seconds(y));
  }
}

function seconds(time: Time): string {
  return `${(time / SECOND).toFixed(1)} s`;
}

/** Pods of Jobs start when a back-off is over or a pod has ended: their times, relative to the first. */
function startsOf(recording: Recording): readonly Time[] {
  const times: Time[] = [];
  for (const { kind, type, object, time } of recording.changes) {
    if (kind !== 'Pod' || type !== 'A') continue;
    const { ownerReferences } = object['metadata'] as { readonly ownerReferences?: readonly { readonly kind: string }[] };
    if (ownerReferences?.[0]?.kind === 'Job') times.push(time);
  }
  times.sort((x, y) => x - y);
  return times.map((time) => time - times[0]!);
}

function compareStarts(real: Recording, model: Recording, tally: Tally): void {
  const a = startsOf(real);
  const b = startsOf(model);
  if (a.length !== b.length || a.length === 0) return;
  let worst = 0;
  for (let i = 0; i < a.length; i++) if (Math.abs(a[i]! - b[i]!) > Math.abs(a[worst]! - b[worst]!)) worst = i;
  // Delays add up from pod to pod.
  const slack = START_SLACK + (a[worst]! * 15) / 100;
  tally.check(Math.abs(a[worst]! - b[worst]!) <= slack, `start of pod ${worst + 1} of the Jobs after the first`, seconds(a[worst]!), seconds(b[worst]!));
}
