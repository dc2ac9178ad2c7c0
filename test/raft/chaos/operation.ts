/** A client's operation on the key-value store, with when it was called and when it answered. */
export interface Operation {
  readonly id: number;
  readonly kind: 'put' | 'get' | 'cas';
  readonly key: number;
  readonly value: number;
  /** For cas: the value the key must hold. */
  readonly expected: number;
  readonly invoked: number;
  /** Infinity: never answered; the operation may have happened at any time after the call, or not. */
  completed: number;
  /** get: the value read. */
  read: number;
  /** cas: whether it happened. */
  succeeded: boolean;
  /** Refused before it could happen. */
  refused: boolean;
  /** Index of the entry that carried it; 0: unknown. */
  index: number;
  /** Member that the client asked. */
  readonly member: number;
}
