import type { Pod } from '../api/core.js';
import { matchesMap } from '../api/labels.js';
import type { ClientSpec } from '../scenario/types.js';

/** The running pods that send requests, by client. */
export class ClientPods {
  private readonly addresses = new Map<ClientSpec, number[]>();

  /** Keeps the addresses of the pods of a client: to be called before pods start. */
  add(client: ClientSpec): void {
    this.addresses.set(client, []);
  }

  /** Addresses of the pods of a client that run now. */
  of(client: ClientSpec): readonly number[] {
    return this.addresses.get(client)!;
  }

  /** A pod runs from now on. */
  listens({ metadata }: Pod, address: number): void {
    for (const [{ namespace, selector }, members] of this.addresses)
      if (namespace === metadata.namespace && matchesMap(selector, metadata.labels)) members.push(address);
  }

  /** The pod of an address runs no more. */
  stops(address: number): void {
    for (const members of this.addresses.values()) {
      const place = members.indexOf(address);
      if (place >= 0) members.splice(place, 1);
    }
  }
}
