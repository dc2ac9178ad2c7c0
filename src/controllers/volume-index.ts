import { matchesSelector } from '../api/labels.js';
import type { PersistentVolume, PersistentVolumeClaim } from '../scheduler/cache/cluster-objects.js';
import { bytesOf, classOf, classOfVolume, namesClaim, sameAttributesClass, sameMode } from '../scheduler/plugins/volume-common.js';

/** Volumes as the binder looks for them (pkg/controller/volume/persistentvolume/index.go): by access modes, class and size. */

const SHORT: readonly (readonly [mode: string, short: string])[] = [
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
];

/** `RWO,ROX`: access modes as the index names them. */
export function modesKey(modes: readonly string[] | undefined): string {
  const found: string[] = [];
  for (const [mode, short] of SHORT) if (modes?.includes(mode) === true) found.push(short);
  return found.join();
}

/** Volumes of the same access modes. */
class ModeGroup {
  readonly modes: ReadonlySet<string>;
  /** Volumes that name a claim, by its `namespace/name`. */
  readonly named = new Map<string, Map<string, PersistentVolume>>();
  /** Volumes that name none, by class, smallest first; of one size in order of arrival. */
  readonly free = new Map<string, PersistentVolume[]>();

  constructor(key: string) {
    this.modes = new Set(key.split(','));
  }
}

/** All volumes with what is needed to find the best one for a claim: O(log n) where volumes suit by class and size. */
export class VolumeIndex {
  private readonly byName = new Map<string, PersistentVolume>();
  private readonly groups = new Map<string, ModeGroup>();

  get(name: string): PersistentVolume | undefined {
    return this.byName.get(name);
  }

  set(volume: PersistentVolume): void {
    this.delete(volume.metadata.name);
    this.byName.set(volume.metadata.name, volume);
    const key = modesKey(volume.spec.accessModes);
    let group = this.groups.get(key);
    if (group === undefined) {
      group = new ModeGroup(key);
      this.groups.set(key, group);
    }
    const { claimRef } = volume.spec;
    if (claimRef === undefined) insert(group.free, volume);
    else {
      const claim = `${claimRef.namespace ?? ''}/${claimRef.name}`;
      const volumes = group.named.get(claim);
      if (volumes === undefined) group.named.set(claim, new Map([[volume.metadata.name, volume]]));
      else volumes.set(volume.metadata.name, volume);
    }
  }

  delete(name: string): void {
    const volume = this.byName.get(name);
    if (volume === undefined) return;
    this.byName.delete(name);
    const group = this.groups.get(modesKey(volume.spec.accessModes))!;
    const { claimRef } = volume.spec;
    if (claimRef === undefined) {
      const list = group.free.get(classOfVolume(volume))!;
      let place = firstOfSize(list, sizeOf(volume));
      while (list[place] !== volume) place++;
      list.splice(place, 1);
    } else {
      const claim = `${claimRef.namespace ?? ''}/${claimRef.name}`;
      const volumes = group.named.get(claim)!;
      volumes.delete(name);
      if (volumes.size === 0) group.named.delete(claim);
    }
  }

  /**
   * The volume for a claim: among those with the fewest access modes that are enough one that names the claim, else the smallest
   * (findByClaim, FindMatchingVolume). With `delayed` only those that name it: the scheduler chooses the others.
   */
  bestMatch(claim: PersistentVolumeClaim, delayed: boolean): PersistentVolume | undefined {
    const groups = [...this.groups.values()].filter(({ modes }) => suits(modes, claim));
    groups.sort((a, b) => a.modes.size - b.modes.size);
    for (const group of groups) {
      const found = inGroup(group, claim, delayed);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function suits(modes: ReadonlySet<string>, claim: PersistentVolumeClaim): boolean {
  const wanted = modesKey(claim.spec.accessModes);
  return wanted === '' || wanted.split(',').every((mode) => modes.has(mode));
}

function inGroup(group: ModeGroup, claim: PersistentVolumeClaim, delayed: boolean): PersistentVolume | undefined {
  const wanted = bytesOf(claim.spec.resources?.requests?.storage);
  const usable = (volume: PersistentVolume) =>
    sameMode(claim, volume) && sameAttributesClass(claim, volume) && volume.metadata.deletionTimestamp === undefined;
  for (const volume of group.named.get(`${claim.metadata.namespace}/${claim.metadata.name}`)?.values() ?? []) {
    if (namesClaim(volume, claim) && sizeOf(volume) >= wanted && usable(volume)) return volume;
  }
  if (delayed) return undefined;
  const list = group.free.get(classOf(claim)) ?? [];
  const { selector } = claim.spec;
  for (let i = firstOfSize(list, wanted); i < list.length; i++) {
    const volume = list[i]!;
    if (!usable(volume) || volume.status?.phase !== 'Available') continue;
    if (selector === undefined || matchesSelector(selector, volume.metadata.labels)) return volume;
  }
  return undefined;
}

function sizeOf(volume: PersistentVolume): number {
  return bytesOf(volume.spec.capacity?.storage);
}

/** Place of the first volume that is at least so large. */
function firstOfSize(list: readonly PersistentVolume[], bytes: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sizeOf(list[middle]!) < bytes) low = middle + 1;
    else high = middle;
  }
  return low;
}

function insert(free: Map<string, PersistentVolume[]>, volume: PersistentVolume): void {
  const name = classOfVolume(volume);
  let list = free.get(name);
  if (list === undefined) {
    list = [];
    free.set(name, list);
  }
  // Behind those of its size.
  list.splice(firstOfSize(list, sizeOf(volume) + 1), 0, volume);
}
