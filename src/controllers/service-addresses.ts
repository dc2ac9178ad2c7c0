import type { EndpointAddress, EndpointSubset } from '../api/cluster-kinds.js';
import type { Pod, Service } from '../api/core.js';
import { equal } from '../api/equal.js';
import { AddressList, comesBefore } from './address-list.js';
import { type EndpointPort, endpointPorts, hostnameOf, portsKey } from './endpoint-slice-policy.js';

/** Addresses in one Endpoints object (maxCapacity). */
export const MAX_ADDRESSES = 1000;

/** Addresses of a Service's pods with the same ports, each list in order of address. */
interface AddressGroup {
  readonly ports: readonly EndpointPort[];
  readonly ready: AddressList;
  readonly notReady: AddressList;
}

/** Where a pod stands in its group. */
interface Place {
  readonly group: AddressGroup;
  readonly state: 'ready' | 'notReady';
  readonly address: EndpointAddress;
}

/**
 * The pods of one Service as its Endpoints object will name them, kept in order at each change, so that a change costs what moves and
 * unchanged addresses stay the same objects (pkg/controller/endpoint, endpoints.RepackSubsets).
 */
export class ServiceAddresses {
  private readonly groups = new Map<string, AddressGroup>();
  private readonly places = new Map<string, Place>();
  private count = 0;
  /** Addresses of all subsets, when they were last packed. */
  private listed = 0;
  /** The subsets of the last call, as long as nothing within the capacity has changed. */
  private known: readonly EndpointSubset[] | null = null;

  /** Keeps a pod as what it is now; without a state it is taken out. */
  put(service: Service, uid: string, pod: Pod | undefined, state: 'ready' | 'notReady' | undefined): void {
    const place = this.places.get(uid);
    const ports = pod === undefined || state === undefined ? [] : endpointPorts(service, pod);
    // A pod that has none of the ports does not count; a Service without any must have no address.
    const portless = ports.length === 0 && (service.spec.ports.length > 0 || service.spec.clusterIP !== 'None');
    if (pod === undefined || state === undefined || portless) {
      if (place !== undefined) this.take(uid, place);
      return;
    }
    const key = portsKey(ports);
    let group = this.groups.get(key);
    if (group === undefined) {
      group = { ports, ready: new AddressList(), notReady: new AddressList() };
      this.groups.set(key, group);
    }
    const address = addressOf(pod, service);
    const same = place !== undefined && equal(place.address, address);
    if (same && place.group === group && place.state === state) return;
    if (place !== undefined) this.take(uid, place);
    const known = same ? place.address : address;
    this.changed(group, state, group[state].insert(known));
    this.places.set(uid, { group, state, address: known });
    this.count++;
  }

  private take(uid: string, { group, state, address }: Place): void {
    this.changed(group, state, group[state].remove(address));
    if (group.ready.length + group.notReady.length === 0) this.groups.delete(portsKey(group.ports));
    this.places.delete(uid);
    this.count--;
  }

  /** An address came or went at a rank of a list: what lies beyond the capacity does not show. */
  private changed(group: AddressGroup, state: 'ready' | 'notReady', rank: number): void {
    if (this.known === null) return;
    // Several groups share the capacity.
    if (this.groups.size > 1 || rank + (state === 'notReady' ? group.ready.length : 0) < MAX_ADDRESSES) this.known = null;
  }

  /** The subsets, truncated at the capacity, ready addresses first. The same array until they change. */
  subsets(): { readonly subsets: readonly EndpointSubset[]; readonly truncated: boolean } {
    this.known ??= this.repack();
    // With several groups an address may be in several subsets.
    return { subsets: this.known, truncated: (this.groups.size > 1 ? this.listed : this.count) > MAX_ADDRESSES };
  }

  /** Over the capacity ready addresses go first, and subsets have their share, rounded up (truncateEndpoints). */
  private repack(): readonly EndpointSubset[] {
    const units = this.groups.size > 1 ? unitsOf([...this.groups.values()]) : [...this.groups.values()].map((group) => ({ ports: group.ports, groups: [group] }));
    let totalReady = 0;
    let totalNotReady = 0;
    for (const { groups } of units) {
      totalReady += sizeOf(groups, 'ready');
      totalNotReady += sizeOf(groups, 'notReady');
    }
    this.listed = totalReady + totalNotReady;
    const over = this.listed > MAX_ADDRESSES;
    const readyOver = totalReady > MAX_ADDRESSES;
    const whole = readyOver ? MAX_ADDRESSES : MAX_ADDRESSES - totalReady;
    let room = whole;
    const share = (length: number, total: number): number => {
      const taken = Math.min(room, Math.ceil((length / total) * whole), length);
      room -= taken;
      return taken;
    };
    const subsets: EndpointSubset[] = [];
    for (const { ports, groups } of units) {
      const ready = sizeOf(groups, 'ready');
      const notReady = sizeOf(groups, 'notReady');
      const addresses = firstOf(groups, 'ready', readyOver ? share(ready, totalReady) : ready);
      const others = firstOf(groups, 'notReady', readyOver ? 0 : over ? share(notReady, totalNotReady) : notReady);
      if (addresses.length === 0 && others.length === 0) continue;
      subsets.push({
        ...(addresses.length === 0 ? {} : { addresses }),
        ...(others.length === 0 ? {} : { notReadyAddresses: others }),
        ports,
      });
    }
    return subsets;
  }
}

/** One subset: ports that the same pods have. */
interface SubsetUnit {
  readonly ports: readonly EndpointPort[];
  readonly groups: readonly AddressGroup[];
}

/** Ports of pods whose lists differ: those that the same pods have stand together (endpoints.RepackSubsets). */
function unitsOf(groups: readonly AddressGroup[]): readonly SubsetUnit[] {
  const byPort = new Map<string, { readonly ports: readonly EndpointPort[]; readonly places: number[] }>();
  groups.forEach(({ ports }, place) => {
    for (const each of ports.length === 0 ? [undefined] : ports) {
      const list = each === undefined ? [] : [each];
      const key = portsKey(list);
      const known = byPort.get(key);
      if (known === undefined) byPort.set(key, { ports: list, places: [place] });
      else known.places.push(place);
    }
  });
  const units = new Map<string, { ports: EndpointPort[]; groups: readonly AddressGroup[] }>();
  for (const { ports, places } of byPort.values()) {
    const key = places.join();
    const unit = units.get(key);
    if (unit === undefined) units.set(key, { ports: [...ports], groups: places.map((place) => groups[place]!) });
    else unit.ports.push(...ports);
  }
  // Always in the same order, whatever came first.
  for (const { ports } of units.values()) ports.sort((a, b) => (portsKey([a]) < portsKey([b]) ? -1 : 1));
  const sorted = [...units.values()].map((unit) => ({ key: portsKey(unit.ports), unit }));
  return sorted.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ unit }) => unit);
}

function sizeOf(groups: readonly AddressGroup[], state: 'ready' | 'notReady'): number {
  let size = 0;
  for (const group of groups) size += group[state].length;
  return size;
}

/** The first addresses of some groups together, in order. */
function firstOf(groups: readonly AddressGroup[], state: 'ready' | 'notReady', count: number): readonly EndpointAddress[] {
  if (groups.length === 1) return groups[0]![state].first(count);
  const all = groups.flatMap((group) => group[state].first(count));
  return all.sort((a, b) => (comesBefore(a, b) ? -1 : 1)).slice(0, count);
}

function addressOf(pod: Pod, service: Service): EndpointAddress {
  const { namespace, name, uid } = pod.metadata;
  return {
    ip: pod.status.podIP!,
    ...hostnameOf(pod, service),
    ...(pod.spec.nodeName === undefined ? {} : { nodeName: pod.spec.nodeName }),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
}
