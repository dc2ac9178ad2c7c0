/**
 * Addresses of the pods of one node: the CNI plugin host-local hands out the range of the node's podCIDR in turn, starting
 * after the last one given, and skips the network, gateway and broadcast addresses.
 */
export class PodAddresses {
  private readonly prefix: readonly number[];
  /** The first two numbers with their dots. */
  private readonly head: string;
  private readonly first: number;
  private readonly last: number;
  private readonly taken: Uint8Array;
  private cursor: number;

  /** @param cidr IPv4 range such as `10.244.3.0/24`, at most a /16. */
  constructor(cidr: string) {
    const slash = cidr.indexOf('/');
    const bits = slash < 0 ? 24 : Number(cidr.slice(slash + 1));
    this.prefix = (slash < 0 ? cidr : cidr.slice(0, slash)).split('.').map(Number);
    this.head = `${this.prefix[0]}.${this.prefix[1]}.`;
    const size = 1 << (32 - Math.max(16, Math.min(30, bits)));
    this.first = 2;
    this.last = size - 2;
    this.taken = new Uint8Array(size);
    this.cursor = this.last;
  }

  /** A free address, now in use; undefined when all are (FailedCreatePodSandBox: no IP addresses available in range set). */
  take(): string | undefined {
    for (let tries = this.first; tries <= this.last; tries++) {
      this.cursor = this.cursor >= this.last ? this.first : this.cursor + 1;
      if (this.taken[this.cursor] === 0) {
        this.taken[this.cursor] = 1;
        return this.format(this.cursor);
      }
    }
    return undefined;
  }

  /** Marks an address as in use (warm start); false when it is outside the range or taken. */
  claim(address: string): boolean {
    const offset = this.offsetOf(address);
    if (offset < 0 || this.taken[offset] !== 0) return false;
    this.taken[offset] = 1;
    return true;
  }

  /** Gives an address back. */
  release(address: string): void {
    const offset = this.offsetOf(address);
    if (offset >= 0) this.taken[offset] = 0;
  }

  private format(offset: number): string {
    const [a, b, c, d] = this.prefix as [number, number, number, number];
    const low = c * 256 + d + offset;
    return `${a}.${b}.${low >> 8}.${low & 255}`;
  }

  private offsetOf(address: string): number {
    if (!address.startsWith(this.head)) return -1;
    const dot = address.lastIndexOf('.');
    const c = Number(address.slice(this.head.length, dot));
    const d = Number(address.slice(dot + 1));
    const offset = c * 256 + d - (this.prefix[2]! * 256 + this.prefix[3]!);
    return offset >= 0 && offset < this.taken.length ? offset : -1;
  }
}

/** The podCIDR that the node IPAM controller gives to node number `index`: /24 ranges of 10.0.0.0/8 in order, from 10.1.0.0. */
export function defaultPodCidr(index: number): string {
  return `10.${1 + (index >> 8)}.${index & 255}.0/24`;
}

/** Numbers for addresses, so that paths that run once a request compare integers. */
export class AddressBook {
  private readonly numbers = new Map<string, number>();
  private readonly texts: string[] = [];

  /** The number of an address; the same each time. */
  number(address: string): number {
    let number = this.numbers.get(address);
    if (number === undefined) {
      number = this.texts.push(address) - 1;
      this.numbers.set(address, number);
    }
    return number;
  }

  /** The address of a number. */
  address(number: number): string {
    return this.texts[number]!;
  }

  /** Numbers given out. */
  get size(): number {
    return this.texts.length;
  }
}
