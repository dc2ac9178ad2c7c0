import { MINUTE, type Time } from '../kernel/time.js';

/** Expectations older than this no longer hold a controller back (controller_utils.go ExpectationsTimeout). */
export const EXPECTATIONS_TIMEOUT = 5 * MINUTE;

interface Expectation {
  adds: number;
  deletions: Set<string>;
  readonly since: Time;
}

/**
 * What a controller has written and not yet seen come back through its informer (controller_utils.go
 * UIDTrackingControllerExpectations): while some is outstanding, a sync must not create or delete on the old view.
 */
export class Expectations {
  private readonly byKey = new Map<string, Expectation>();

  /** Whether all that was expected has been seen, or has taken too long. */
  satisfied(key: string, now: Time): boolean {
    const expectation = this.byKey.get(key);
    if (expectation === undefined) return true;
    if (expectation.adds <= 0 && expectation.deletions.size === 0) return true;
    return now - expectation.since > EXPECTATIONS_TIMEOUT;
  }

  expectCreations(key: string, count: number, now: Time): void {
    this.byKey.set(key, { adds: count, deletions: new Set(), since: now });
  }

  expectDeletions(key: string, names: readonly string[], now: Time): void {
    this.byKey.set(key, { adds: 0, deletions: new Set(names), since: now });
  }

  /** Creations and deletions of one sync. */
  expectBoth(key: string, creations: number, deletions: readonly string[], now: Time): void {
    this.byKey.set(key, { adds: creations, deletions: new Set(deletions), since: now });
  }

  /** One creation was seen, or was given up. */
  creationObserved(key: string, count = 1): void {
    const expectation = this.byKey.get(key);
    if (expectation !== undefined) expectation.adds -= count;
  }

  /** The deletion of an object was seen, or was given up. */
  deletionObserved(key: string, name: string): void {
    this.byKey.get(key)?.deletions.delete(name);
  }

  forget(key: string): void {
    this.byKey.delete(key);
  }
}
