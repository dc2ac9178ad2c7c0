import { resourceNumber, resources } from '../api/resources.js';
import type { WatchRecord } from './watch-cache.js';
import type { Watcher } from './watchers.js';

const NOBODY: readonly Watcher[] = [];
const NONE: readonly Audience[] = [];

/** Watchers of all objects of a resource that are equally far from the server: an event reaches them together. */
export interface Audience {
  /** Of the network, from the server. */
  readonly distance: number;
  /** Replaced, never changed: events on their way keep the list that they were sent to. */
  watchers: readonly Watcher[];
}

/** Watches of one resource. */
class Group {
  /** Those of all its objects. */
  readonly audiences: Audience[] = [];
  /** Those of one object, by its key. */
  readonly byKey = new Map<string, readonly Watcher[]>();
  /** How many watch all objects. */
  size = 0;
}

/** The watches open at one API server, found by resource and key: a change costs what it is sent to, however many watch other objects. */
export class WatcherTable {
  private readonly groups = new Map<string, Group>();
  /** The same by number of the resource; null: nobody watches it. */
  private readonly byNumber = new Array<Group | null>(resources().length).fill(null);
  /** All watches. */
  size = 0;

  /** Adds a watcher at a distance from the server. */
  add(watcher: Watcher, distance: number): void {
    let group = this.groups.get(watcher.resource);
    if (group === undefined) {
      group = new Group();
      this.groups.set(watcher.resource, group);
      this.byNumber[resourceNumber(watcher.resource)] = group;
    }
    this.size++;
    if (watcher.key !== undefined) {
      group.byKey.set(watcher.key, [...(group.byKey.get(watcher.key) ?? []), watcher]);
      return;
    }
    group.size++;
    const audience = group.audiences.find((each) => each.distance === distance);
    if (audience === undefined) group.audiences.push({ distance, watchers: [watcher] });
    else audience.watchers = [...audience.watchers, watcher];
  }

  remove(watcher: Watcher): void {
    const group = this.groups.get(watcher.resource);
    if (group === undefined) return;
    if (watcher.key !== undefined) {
      const all = group.byKey.get(watcher.key) ?? NOBODY;
      const left = all.filter((other) => other !== watcher);
      this.size -= all.length - left.length;
      if (left.length > 0) group.byKey.set(watcher.key, left);
      else group.byKey.delete(watcher.key);
      return;
    }
    for (const audience of group.audiences) {
      if (!audience.watchers.includes(watcher)) continue;
      audience.watchers = audience.watchers.filter((other) => other !== watcher);
      group.size--;
      this.size--;
    }
  }

  /** Watchers of all objects of the resource of a number, by distance. */
  audiences(resource: number): readonly Audience[] {
    const group = this.byNumber[resource]!;
    return group === null ? NONE : group.audiences;
  }

  /** Those who watch only the object that has changed, which is of the resource of a number. */
  ofOne(record: WatchRecord, resource: number): readonly Watcher[] {
    const group = this.byNumber[resource]!;
    return group === null || group.byKey.size === 0 ? NOBODY : (group.byKey.get(record.key) ?? NOBODY);
  }

  /** How many watch all objects of the resource of a number, or the one of a namespace and name. */
  count(resource: number, namespace: string, name: string): number {
    const group = this.byNumber[resource]!;
    if (group === null) return 0;
    if (group.byKey.size === 0) return group.size;
    return group.size + (group.byKey.get(namespace === '' ? name : `${namespace}/${name}`)?.length ?? 0);
  }

  /** Watches by resource: of all its objects, and of single ones. */
  byResource(): { readonly resource: string; readonly all: number; readonly one: number }[] {
    return [...this.groups].map(([resource, { size, byKey }]) => {
      let one = 0;
      for (const watchers of byKey.values()) one += watchers.length;
      return { resource, all: size, one };
    });
  }

  /** Takes out all watchers of a resource, or of all resources. */
  takeAll(resource?: string): Watcher[] {
    const taken: Watcher[] = [];
    for (const [name, group] of this.groups) {
      if (resource !== undefined && name !== resource) continue;
      for (const { watchers } of group.audiences) for (const watcher of watchers) taken.push(watcher);
      for (const list of group.byKey.values()) for (const watcher of list) taken.push(watcher);
      this.groups.delete(name);
      this.byNumber[resourceNumber(name)] = null;
    }
    this.size -= taken.length;
    return taken;
  }
}
