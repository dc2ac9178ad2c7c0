import type { EtcdClient, EtcdWatchReceiver, WatchEvent } from '../../../src/etcd/types.js';

/** What a watch was told, or did. */
export type WatchMessage =
  | { readonly kind: 'open'; readonly start: number }
  | { readonly kind: 'events'; readonly events: readonly WatchEvent[]; readonly revision: number }
  | { readonly kind: 'progress'; readonly revision: number }
  /** The watch ended: its start is compacted, or the connection is lost (0). */
  | { readonly kind: 'end'; readonly compactRevision: number };

/** Hears what watches are told. */
export interface WatchObserver {
  told(watch: Watching, message: WatchMessage): void;
}

/** A watch of a prefix that resumes after every end. */
export class Watching implements EtcdWatchReceiver {
  readonly name: string;
  readonly prefix: string;
  /** From here on it has not been told anything. */
  next: number;
  private readonly client: EtcdClient;
  private readonly observer: WatchObserver;

  constructor(name: string, client: EtcdClient, prefix: string, start: number, observer: WatchObserver) {
    this.name = name;
    this.client = client;
    this.prefix = prefix;
    this.next = start;
    this.observer = observer;
  }

  open(): void {
    this.observer.told(this, { kind: 'open', start: this.next });
    this.client.watch(this.prefix, this.next, this, 0, true);
  }

  watchEvents(_tag: number, events: readonly WatchEvent[], revision: number): void {
    this.observer.told(this, { kind: 'events', events, revision });
    this.next = revision + 1;
  }

  watchProgress(_tag: number, revision: number): void {
    this.observer.told(this, { kind: 'progress', revision });
    this.next = Math.max(this.next, revision + 1);
  }

  watchCancelled(_tag: number, compactRevision: number): void {
    this.observer.told(this, { kind: 'end', compactRevision });
    this.next = Math.max(this.next, compactRevision);
    this.open();
  }
}
