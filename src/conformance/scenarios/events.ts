import { parseTimestamp } from '../../api/timestamps.js';
import { SECOND, type Time } from '../../kernel/time.js';
import type { RecordedChange, Recording } from '../controllers-recording.js';
import type { Tally } from '../controllers-tally.js';
import type { Names } from './names.js';

/** An event as it is comparable: what it says about what, without numbers that depend on the moment. */
interface Form {
  readonly source: string;
  /** Object, type, reason: events that are aggregated with one another. */
  readonly group: string;
  /** When it first happened. */
  readonly time: Time;
}

interface RawEvent {
  readonly involvedObject: { readonly kind: string; readonly name: string };
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly source?: { readonly component?: string };
  readonly reportingComponent?: string;
  readonly lastTimestamp?: string | null;
}

/** Different messages of one object and reason that are written before they are aggregated (tools/record). */
const AGGREGATED = 10;
/** Ordinals of a StatefulSet's pods. */
const ORDINAL = /-\d+\b/g;
/** A source that writes events this much after they happened has a full queue, and drops some (watch.Broadcaster). */
const BEHIND = 2 * SECOND;
/** Events that tell of ordinary progress, of which the last may still wait to be written when a recording ends. */
const PROGRESS = / (SuccessfulCreate|SuccessfulDelete|ScalingReplicaSet|Scheduled): /;

/** What one run's events say. */
class EventForms {
  readonly forms = new Map<string, Form>();
  /** Distinct messages by group. */
  readonly groups = new Map<string, Set<string>>();
  /** Sources that wrote events long after they happened. */
  private readonly behind = new Set<string>();

  constructor(recording: Recording, names: Names) {
    for (const change of recording.changes) if (change.kind === 'Event' && change.type !== 'D') this.add(recording, names, change);
  }

  private add(recording: Recording, names: Names, { object, time }: RecordedChange): void {
    const event = object as unknown as RawEvent;
    const source = event.source?.component ?? event.reportingComponent ?? '';
    const message = messageForm(event.reason, names.text(event.message.replace('(combined from similar events): ', '')));
    const group = `${event.involvedObject.kind} ${names.text(event.involvedObject.name)} ${event.type} ${event.reason}`;
    const form = `${group}: ${message} (${source})`;
    const happened = typeof event.lastTimestamp === 'string' ? parseTimestamp(event.lastTimestamp) : undefined;
    // Timestamps have whole seconds.
    if (happened !== undefined && time - (happened - recording.header.startUnixMs) * 1e6 > BEHIND + SECOND) this.behind.add(source);
    const messages = this.groups.get(group);
    if (messages === undefined) this.groups.set(group, new Set([event.message]));
    else messages.add(event.message);
    if (!this.forms.has(form)) this.forms.set(form, { source, group, time });
  }

  /** Whether a form of a group that is aggregated is here but for the ordinal of the pod: each message replaces the one before. */
  aggregates(form: string, group: string): boolean {
    if ((this.groups.get(group)?.size ?? 0) < AGGREGATED) return false;
    const wanted = form.replace(ORDINAL, '-N');
    for (const name of this.forms.keys()) if (name.replace(ORDINAL, '-N') === wanted) return true;
    return false;
  }

  /**
   * Whether a form of another run may be missing here: a source writes its events one by one, and on a busy machine the last ones
   * had not been written when the recording ended. Then nothing is here that came later in the other run. Others were dropped.
   */
  isCutOff(form: string, other: EventForms): boolean {
    const { source, time } = other.forms.get(form)!;
    if (!PROGRESS.test(form)) return false;
    if (this.behind.has(source)) return true;
    for (const [name, theirs] of other.forms) if (theirs.source === source && theirs.time > time + SECOND && this.forms.has(name)) return false;
    return true;
  }
}

/** Sizes of intermediate steps and counts of nodes depend on the moment and on what else the cluster has. */
function messageForm(reason: string, message: string): string {
  if (reason === 'ScalingReplicaSet') return message.replace(/from \d+ to \d+$/, 'from N to M');
  if (reason === 'FailedScheduling') return message.replace(/\d+\/\d+ nodes/g, 'N nodes').replace(/\b\d+ (?=[A-Za-z])/g, '');
  return message;
}

/** Reasons why nodes were rejected; other nodes of the recorded cluster had reasons of their own. */
function rejections(form: string): ReadonlySet<string> {
  const found = /are available: ([^.]*)\./.exec(form);
  return new Set((found?.[1] ?? '').split(', ').filter((reason) => reason !== ''));
}

function matchesRejection(form: string, forms: EventForms): boolean {
  const own = rejections(form);
  for (const other of forms.forms.keys()) {
    if (!other.includes('FailedScheduling')) continue;
    const theirs = rejections(other);
    if ([...own].every((reason) => theirs.has(reason)) || [...theirs].every((reason) => own.has(reason))) return true;
  }
  return false;
}

/** Compares which events there were: each of one run in the other. */
export function compareEvents(real: Recording, realNames: Names, model: Recording, modelNames: Names, tally: Tally): void {
  const a = new EventForms(real, realNames);
  const b = new EventForms(model, modelNames);
  for (const form of new Set([...a.forms.keys(), ...b.forms.keys()])) {
    const inReal = a.forms.get(form);
    const inModel = b.forms.get(form);
    let same = inReal !== undefined && inModel !== undefined;
    // A cache that lags lets a controller delete what is gone already, or not.
    if (!same && / FailedDelete: .* not found \(/.test(form)) same = true;
    if (!same && form.includes('FailedScheduling')) same = matchesRejection(form, inReal === undefined ? a : b);
    if (!same && inReal === undefined) same = a.aggregates(form, inModel!.group) || a.isCutOff(form, b);
    else if (!same) same = b.aggregates(form, inReal!.group);
    tally.check(same, 'event', inReal === undefined ? `no ${form}` : form, inModel === undefined ? `no ${form}` : form);
  }
}
