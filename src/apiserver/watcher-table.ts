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
  /** The group that was asked for last: a write asks several times. */
  private lastResource = '';
  private lastGroup: Group | undefined = undefined;
  /** All watches. */
  size = 0;

  /** Adds a watcher at a distance from the server. */
  add(watcher: Watcher, distance: number): void {
    let group = this.groups.get(watcher.resource);
    if (group === undefined) {
      group = new Group();
      this.groups.set(watcher.resource, group);
      this.lastResource = '';
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

  /** Watchers of all objects of a resource, by distance. */
  audiences(resource: string): readonly Audience[] {
    return this.group(resource)?.audiences ?? NONE;
  }

  /** Those who watch only the object that has changed. */
  ofOne(record: WatchRecord): readonly Watcher[] {
    const group = this.group(record.resource);
    return group === undefined || group.byKey.size === 0 ? NOBODY : (group.byKey.get(record.key) ?? NOBODY);
  }

  /** How many watch all objects of a resource, or the one of a namespace and name. */
  count(resource: string, namespace: string, name: string): number {
    const group = this.group(resource);
    if (group === undefined) return 0;
    if (group.byKey.size === 0) return group.size;
    return group.size + (group.byKey.get(namespace === '' ? name : `${namespace}/${name}`)?.length ?? 0);
  }

  private group(resource: string): Group | undefined {
    if (resource === this.lastResource) return this.lastGroup;
    this.lastResource = resource;
    return (this.lastGroup = this.groups.get(resource));
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
    }
    this.size -= taken.length;
    this.lastResource = '';
    return taken;
  }
}
