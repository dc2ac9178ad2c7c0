import type { Simulation } from '../kernel/simulation.js';
import type { Time } from '../kernel/time.js';
import type { KeyedDraws, Randomness, Stream } from '../random/stream.js';
import type { RegistryContext } from './registry.js';

/** The alphabet of random name parts: no vowels, no look-alikes (apimachinery util/rand). */
const NAME_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const NODE_PORT_FIRST = 30000;
const NODE_PORT_COUNT = 2768;
/** Service addresses: 10.96.0.0/12, the range kubeadm configures. */
const SERVICE_NETWORK = 0x0a600000;
const SERVICE_ADDRESSES = 2 ** 20;

/** Identifiers and addresses as the API servers of one cluster hand them out: deterministic, never twice. */
export class Allocators implements RegistryContext {
  private readonly simulation: Simulation;
  private readonly uids: KeyedDraws;
  private readonly names: Stream;
  private readonly addresses: Stream;
  private readonly usedAddresses = new Set<number>();
  private readonly usedPorts = new Set<number>();
  private count = 0;

  constructor(simulation: Simulation, randomness: Randomness) {
    this.simulation = simulation;
    this.uids = randomness.keyed('uids');
    this.names = randomness.stream('kube-apiserver/names');
    this.addresses = randomness.stream('kube-apiserver/addresses');
  }

  get now(): Time {
    return this.simulation.now;
  }

  newUid(): string {
    const key = this.count++;
    const a = this.word(key, 0);
    const b = this.word(key, 1);
    const c = this.word(key, 2);
    const d = this.word(key, 3);
    // Version 4, variant 1, as Go's uuid package makes them. Joined, not concatenated: a rope of pieces would be kept for ever.
    return [a, b.slice(0, 4), `4${b.slice(5)}`, `a${c.slice(1, 4)}`, `${c.slice(4)}${d}`].join('-');
  }

  private word(key: number, k: number): string {
    return Math.floor(this.uids.uniform(key, k) * 4294967296)
      .toString(16)
      .padStart(8, '0');
  }

  newNameSuffix(): string {
    let suffix = '';
    for (let i = 0; i < 5; i++) suffix += NAME_ALPHABET[this.names.integer(NAME_ALPHABET.length)]!;
    return suffix;
  }

  newClusterIP(): string {
    let offset = 0;
    do offset = 1 + this.addresses.integer(SERVICE_ADDRESSES - 2);
    while (this.usedAddresses.has(offset));
    this.usedAddresses.add(offset);
    const address = SERVICE_NETWORK + offset;
    return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
  }

  newNodePort(): number {
    if (this.usedPorts.size === NODE_PORT_COUNT) throw new Error('all node ports are in use');
    let port = 0;
    do port = NODE_PORT_FIRST + this.addresses.integer(NODE_PORT_COUNT);
    while (this.usedPorts.has(port));
    this.usedPorts.add(port);
    return port;
  }
}
