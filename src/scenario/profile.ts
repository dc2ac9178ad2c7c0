import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nearestName } from '../api/nearest.js';
import { checkValue } from './check.js';
import { type InputError, throwInputErrors } from './input-error.js';
import type { RawProfile } from './profile-schema.js';
import { layProfile, missingFields, profileOverrides, toCostProfile } from './profile-schema.js';
import type { SourceItem } from './source.js';
import { fileFrom, readSource } from './source.js';
import { parseSingle } from './split.js';
import type { CostProfile } from './types.js';

/** Folder of the profiles that come with towtank. */
const PACKAGED = fileURLToPath(new URL('../../../profiles/', import.meta.url));

/** How deep `extends` may go. */
const MAXIMUM_DEPTH = 16;

/** Makes an error at the place where a profile or disk class was asked for. */
type Complaint = (message: string, suggestion?: string) => InputError;

/** A profile read with everything that it extends, and the files that it came from. */
export interface ProfileStack {
  readonly name: string;
  readonly raw: RawProfile;
  readonly files: readonly string[];
}

/** Names of the profiles that come with towtank. */
export function packagedProfiles(): string[] {
  return readdirSync(PACKAGED)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => file.slice(0, -'.yaml'.length))
    .sort();
}

/** Reads a profile by name or file (relative to `folder`), with all it extends. Throws InputError. */
export function readProfile(reference: string, folder: string, complain: Complaint, depth = 0): ProfileStack {
  if (depth > MAXIMUM_DEPTH)
    throw complain(`profiles extend one another in a circle or more than ${MAXIMUM_DEPTH} deep`);
  const isFile = reference.includes('/') || /\.(ya?ml|json)$/.test(reference);
  const path = isFile ? fileFrom(folder, reference) : join(PACKAGED, `${reference}.yaml`);
  if (!isFile && !existsSync(path)) {
    const names = packagedProfiles();
    const suggestion = nearestName(reference, names);
    const hint =
      suggestion === undefined ? `expected one of ${names.join(', ')} or a file` : `did you mean "${suggestion}"?`;
    throw complain(`no profile is named "${reference}"; ${hint}`, suggestion);
  }
  const source = readSource(path, (message) => complain(message));
  const { value, item } = parseSingle(source);
  const checked = checkValue(profileOverrides, value ?? {}, item);
  throwInputErrors(checked.errors);
  const own = checked.value as RawProfile;
  const name = isFile ? basename(reference).replace(/\.(ya?ml|json)$/, '') : reference;
  const stack = extendProfile(
    own,
    name,
    dirname(path),
    (message, suggestion) => placed(item, message, suggestion),
    depth,
  );
  return { ...stack, files: [...stack.files, path] };
}

function placed(item: SourceItem, message: string, suggestion: string | undefined): InputError {
  return item.error(['extends'], { message, ...(suggestion === undefined ? {} : { suggestion }) });
}

/** Lays a map of changes over what it extends. A map that extends nothing must be complete. */
export function extendProfile(
  own: RawProfile,
  name: string,
  folder: string,
  complain: Complaint,
  depth = 0,
): ProfileStack {
  if (own.extends === undefined) return { name, raw: own, files: [] };
  const base = readProfile(own.extends, folder, complain, depth + 1);
  return { name, raw: layProfile(base.raw, own), files: base.files };
}

/** The profile as the models read it, with a disk class for etcd when one is chosen. Throws InputError. */
export function finishProfile(stack: ProfileStack, disk: string | undefined, complain: Complaint): CostProfile {
  let { raw } = stack;
  if (disk !== undefined) {
    const chosen = raw.disks?.[disk];
    if (chosen === undefined) {
      const names = Object.keys(raw.disks ?? {});
      const suggestion = nearestDisk(disk, names);
      const hint =
        suggestion === undefined ? `the profile has ${names.join(', ') || 'none'}` : `did you mean "${suggestion}"?`;
      throw complain(`no disk class is named "${disk}"; ${hint}`, suggestion);
    }
    raw = { ...raw, etcd: { ...raw.etcd, ...chosen } };
  }
  const missing = missingFields(raw);
  if (missing.length > 0)
    throw complain(
      `the profile ${stack.name} lacks ${missing.slice(0, 5).join(', ')}${missing.length > 5 ? ` and ${missing.length - 5} more` : ''}; write \`extends: default\` to take the rest from there`,
    );
  return toCostProfile(stack.name, raw);
}

/** Disk classes are often named without their cloud: `pd-ssd` for `gce-pd-ssd`. */
function nearestDisk(disk: string, names: readonly string[]): string | undefined {
  return names.find((name) => name.endsWith(`-${disk}`)) ?? nearestName(disk, names);
}

/** Whether a file is a profile that comes with towtank. */
export function isPackagedProfile(path: string): boolean {
  return dirname(path) === dirname(join(PACKAGED, 'default.yaml'));
}
