import type { Uncut } from './history.js';
import type { Lease } from './lease.js';

/** State of a store at a commit of the backend, beside what the events of its history tell. */
export interface StoreMark {
  readonly revision: number;
  readonly compactRevision: number;
  readonly sizeInUse: number;
  readonly size: number;
  readonly noSpace: boolean;
  readonly corrupt: boolean;
}

/** How to take back what leaves no event, or more than its events; `at`: the store's revision before it. */
export type Undo =
  | { readonly kind: 'grant'; readonly at: number; readonly id: number }
  | { readonly kind: 'revoke'; readonly at: number; readonly lease: Lease }
  | {
      readonly kind: 'compact';
      readonly at: number;
      /** The history before. */
      readonly history: Uncut;
      readonly forgotten: readonly { readonly key: string; readonly revision: number }[];
    };
