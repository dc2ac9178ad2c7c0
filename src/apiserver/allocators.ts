import type { Simulation } from '../kernel/simulation.js';
import type { Time } from '../kernel/time.js';
import type { KeyedDraws, Randomness, Stream } from '../random/stream.js';
import type { RegistryContext } from './registry.js';

/** The alphabet of random name parts: no vowels, no look-alikes (apimachinery util/rand). */
const NAME_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const HEXADECIMAL = '0123456789abcdef';
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
  /** Characters of the next uid: its dashes, version and variant are there. */
  private readonly uid: number[] = Array.from('00000000-0000-4000-a000-000000000000', (character) => character.charCodeAt(0));

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
    this.put(this.word(key, 0), 0, 8, 0);
    const b = this.word(key, 1);
    this.put(b, 9, 4, 0);
    // Version 4, variant 1, as Go's uuid package makes them.
    this.put(b, 15, 3, 5);
    const c = this.word(key, 2);
    this.put(c, 20, 3, 1);
    this.put(c, 24, 4, 4);
    this.put(this.word(key, 3), 28, 8, 0);
    // In one piece, not concatenated: a rope of pieces would be kept for ever.
    return String.fromCharCode.apply(null, this.uid);
  }

  /** 32 random bits. */
  private word(key: number, k: number): number {
    return Math.floor(this.uids.uniform(key, k) * 4294967296) | 0;
  }

  /** Writes hexadecimal digits of a word into the next uid, from the `first` of its eight on. */
  private put(word: number, at: number, digits: number, first: number): void {
    for (let i = 0; i < digits; i++) this.uid[at + i] = HEXADECIMAL.charCodeAt((word >>> (28 - 4 * (first + i))) & 15);
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
