import type { Diagnosis } from './framework/diagnosis.js';
import type { Status } from './framework/status.js';

/** Longest note of an event, bytes (core validation NoteLengthLimit). */
const NOTE_LIMIT = 1024;

/** FitError of the one node that Reserve or Permit did not let the pod have. */
export function rejectionText(diagnosis: Diagnosis, status: Status, slot: number): string {
  if (!status.rejected) return status.message;
  diagnosis.reset();
  diagnosis.set(slot, status);
  return diagnosis.fitError(1);
}

/** Cuts an event's note to what the API accepts (schedule_one.go truncateMessage). */
export function shortened(message: string): string {
  const suffix = ' ...';
  return message.length <= NOTE_LIMIT ? message : message.slice(0, NOTE_LIMIT - suffix.length) + suffix;
}
