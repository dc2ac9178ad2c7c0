import { Fifo } from '../../kernel/fifo.js';

/** The addresses of one pod CIDR (pkg/kwok/controllers/utils.go ipPool): handed out in turn; returned ones are used again first. */
class AddressPool {
  private readonly base: number;
  private readonly used = new Set<string>();
  private readonly returned = new Fifo<string>();
  private index = 0;

  constructor(cidr: string) {
    const [a = 0, b = 0, c = 0, d = 0] = cidr.split('/')[0]!.split('.').map(Number);
    this.base = ((a * 256 + b) * 256 + c) * 256 + d;
  }

  take(): string {
    let address = this.returned.shift();
    if (address === undefined) {
      do address = this.format(++this.index);
      while (this.used.has(address));
    }
    this.used.add(address);
    return address;
  }

  use(address: string): void {
    this.used.add(address);
  }

  release(address: string): void {
    if (this.used.delete(address)) this.returned.push(address);
  }

  private format(offset: number): string {
    const number = this.base + offset;
    return `${Math.floor(number / 16777216)}.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
  }
}

/** The pod addresses of all nodes, by pod CIDR. */
export class AddressPools {
  private readonly pools = new Map<string, AddressPool>();

  private pool(cidr: string): AddressPool {
    let pool = this.pools.get(cidr);
    if (pool === undefined) {
      pool = new AddressPool(cidr);
      this.pools.set(cidr, pool);
    }
    return pool;
  }

  take(cidr: string): string {
    return this.pool(cidr).take();
  }

  /** An address that a pod had before. */
  use(cidr: string, address: string): void {
    this.pool(cidr).use(address);
  }

  release(cidr: string, address: string): void {
    this.pool(cidr).release(address);
  }
}
