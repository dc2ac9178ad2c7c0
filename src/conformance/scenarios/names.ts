import type { RecordedChange, Recording } from '../controllers-recording.js';

/** `pod-template-hash` and random suffixes: letters and digits that cannot be mistaken for one another. */
const HASH = '[bcdfghjklmnpqrstvwxz2456789]';

const NEVER_STORED = new RegExp(`^(.*)-${HASH}{5}$`);

interface RawObject {
  readonly metadata?: { readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[] };
}

/** The owner of a recorded object as `Kind/name`; empty: none. */
export function ownerOf(change: RecordedChange): string {
  const owner = (change.object as RawObject).metadata?.ownerReferences?.[0];
  return owner === undefined ? '' : `${owner.kind}/${owner.name}`;
}

/**
 * Names as they are comparable between two runs of a scenario: ReplicaSets are r1, r2, … in order of creation, random suffixes
 * of pods `<5>`, nodes `<node>`, the namespace `<namespace>`.
 */
export class Names {
  /** ReplicaSets in order of creation. */
  readonly replicaSets: string[] = [];
  /** Names that do not have the form that their kind has. */
  readonly malformed: string[] = [];
  private readonly known = new Map<string, string>();

  constructor(recording: Recording) {
    this.known.set(recording.header.id, '<namespace>');
    for (const change of recording.changes) this.learn(change);
  }

  private learn(change: RecordedChange): void {
    const { kind, name, object } = change;
    if (kind === 'Pod') {
      const { nodeName } = object['spec'] as { readonly nodeName?: string };
      if (nodeName !== undefined && nodeName !== '') this.known.set(nodeName, '<node>');
    }
    if (kind === 'Node') this.known.set(name, '<node>');
    if (this.known.has(name)) return;
    const owner = ownerOf(change);
    const parent = owner.slice(owner.indexOf('/') + 1);
    if (kind === 'ReplicaSet') {
      this.replicaSets.push(name);
      this.known.set(name, `r${this.replicaSets.length}`);
      this.check(change, owner.startsWith('Deployment/') ? new RegExp(`^${parent}-${HASH}{8,10}$`) : /^/);
    } else if (kind === 'ControllerRevision') {
      this.known.set(name, `${parent}-<revision>`);
      this.check(change, new RegExp(`^${parent}-${HASH}{8,10}$`));
    } else if (kind === 'Pod' && owner !== '' && !owner.startsWith('StatefulSet/')) {
      const index = this.indexOf(change);
      this.known.set(name, `${this.text(parent)}${index}-<5>`);
      this.check(change, new RegExp(`^${parent}${index}-${HASH}{5}$`));
    } else if (kind === 'Pod' && owner !== '') this.check(change, new RegExp(`^${parent}-\\d+$`));
  }

  private indexOf({ object }: RecordedChange): string {
    const { annotations } = object['metadata'] as { readonly annotations?: Readonly<Record<string, string>> };
    const index = annotations?.['batch.kubernetes.io/job-completion-index'];
    return index === undefined ? '' : `-${index}`;
  }

  private check({ kind, name }: RecordedChange, form: RegExp): void {
    if (!form.test(name)) this.malformed.push(`${kind} ${name}: expected ${form.source}`);
  }

  /** A text with all names in it made comparable. */
  text(text: string): string {
    return text.replace(/[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/g, (name) => this.known.get(name) ?? this.podOf(name));
  }

  /** A pod that was never stored has a name all the same. */
  private podOf(name: string): string {
    const match = NEVER_STORED.exec(name);
    const owner = match === null ? undefined : this.known.get(match[1]!);
    return owner === undefined || !/^r\d+$/.test(owner) ? name : `${owner}-<5>`;
  }
}
