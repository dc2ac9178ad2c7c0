import { isPodReady, type Pod } from '../../api/core.js';
import type { Time } from '../../kernel/time.js';
import { recordedPod, type Recording } from '../controllers-recording.js';
import type { Journal } from './journal.js';

const ANY = 3;

/**
 * Which simulated pod stands for a recorded one that a command names: pods have random names, and people take them in order of
 * name, so that the pods of a time are paired in that order, those in the same state with one another.
 */
export class PodNames {
  private readonly recording: Recording;
  private readonly journal: Journal;
  private readonly pairs = new Map<string, string>();
  private readonly taken = new Set<string>();

  constructor(recording: Recording, journal: Journal) {
    this.recording = recording;
    this.journal = journal;
  }

  /** Name of the pod that stands for `name` at a time of the recording. */
  simulated(name: string, time: Time): string {
    if (this.journal.current.has(`Pod/${name}`)) return name;
    if (!this.pairs.has(name)) this.pair(time);
    return this.pairs.get(name) ?? name;
  }

  private pair(time: Time): void {
    const real = this.podsAt(time).filter(({ metadata }) => !this.pairs.has(metadata.name));
    const own: Pod[] = [];
    for (const object of this.journal.current.values()) {
      if (object.kind === 'Pod' && !this.taken.has(object.metadata.name)) own.push(object as Pod);
    }
    // Last, those that are in different states just now.
    for (const wanted of [0, 1, 2, ANY]) {
      const fits = (pod: Pod): boolean => wanted === ANY || stateOf(pod) === wanted;
      const names = own.filter((pod) => fits(pod) && !this.taken.has(pod.metadata.name)).map(({ metadata }) => metadata.name).sort();
      const recorded = real.filter((pod) => fits(pod) && !this.pairs.has(pod.metadata.name)).map(({ metadata }) => metadata.name).sort();
      recorded.forEach((name, i) => {
        const pod = names[i];
        if (pod === undefined) return;
        this.pairs.set(name, pod);
        this.taken.add(pod);
      });
    }
  }

  private podsAt(time: Time): readonly Pod[] {
    const pods = new Map<string, Pod>();
    for (const change of this.recording.changes) {
      if (change.kind !== 'Pod' || change.time > time) continue;
      if (change.type === 'D') pods.delete(change.name);
      else pods.set(change.name, recordedPod(this.recording.header, change));
    }
    return [...pods.values()];
  }
}

/** 0 ready, 1 not ready, 2 going. */
function stateOf(pod: Pod): number {
  if (pod.metadata.deletionTimestamp !== undefined) return 2;
  return isPodReady(pod) ? 0 : 1;
}
