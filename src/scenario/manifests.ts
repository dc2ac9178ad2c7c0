import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fieldErrorText } from '../api/fields.js';
import { readManifest } from '../api/manifest.js';
import type { KubernetesObject, Labels } from '../api/meta.js';
import { keyOf } from '../api/meta.js';
import { describeValue, isMap, type RawMap, UNKNOWN_FIELD } from '../api/reader.js';
import { infoOfKind } from '../api/resources.js';
import { validateObject } from '../api/validation.js';
import { InputError, inputErrorsOf } from './input-error.js';
import { isActedOn } from './modelled.js';
import { removedVersion } from './removed-versions.js';
import type { SourceItem } from './source.js';
import { readSource, stepsOf } from './source.js';
import { parseItems } from './split.js';

/** An object with the place that it came from. */
export interface LoadedObject {
  readonly object: KubernetesObject;
  readonly item: SourceItem;
}

/** Objects of one kind that no model knows. */
export interface UnmodelledKind {
  readonly apiVersion: string;
  readonly kind: string;
  /** Whether the API server stores them although nothing acts on them. */
  readonly stored: boolean;
  readonly item: SourceItem;
  count: number;
  readonly names: string[];
}

/** A dump may repeat one mistake a hundred thousand times: after so many errors the rest of the files is not looked at. */
const MAXIMUM_ERRORS = 50;

/** How many names a finding lists. */
const NAMED = 3;

/** What a set of manifest files holds. */
export class ManifestSet {
  /** Objects by kind and key; a later one replaces an earlier one, as with `kubectl apply`. */
  private readonly byIdentity = new Map<string, LoadedObject>();
  readonly errors: InputError[] = [];
  readonly replaced: LoadedObject[] = [];
  readonly unmodelled = new Map<string, UnmodelledKind>();
  /** Labels of the pod templates of kinds that are not modelled, by namespace. */
  readonly foreignTemplates: { readonly namespace: string; readonly labels: Labels }[] = [];
  readonly files: string[] = [];
  private readonly namespace: string;
  private readonly startTime: number | undefined;
  private readonly lenient: boolean;
  private gaveUp = false;

  /** `lenient`: objects that the API server would refuse are kept, as their request belongs to the run. */
  constructor(namespace = 'default', startTime?: number, lenient = false) {
    this.namespace = namespace;
    this.startTime = startTime;
    this.lenient = lenient;
  }

  /** All objects in file order. */
  get loaded(): readonly LoadedObject[] {
    return [...this.byIdentity.values()];
  }

  /**
   * Reads a file, or all manifests of a folder in order of name. Errors are kept in `errors`; `complain` makes the error for
   * a path that does not exist, where it was named.
   */
  read(path: string, complain: (message: string) => InputError): void {
    if (existsSync(path) && statSync(path).isDirectory()) {
      const files = readdirSync(path)
        .filter((name) => /\.(ya?ml|json)$/.test(name))
        .sort();
      if (files.length === 0) this.errors.push(complain(`the folder ${path} holds no .yaml, .yml or .json file`));
      for (const file of files) this.read(join(path, file), complain);
      return;
    }
    try {
      const source = readSource(path, complain);
      this.files.push(path);
      let values = 0;
      parseItems(source, {
        value: (value, item) => {
          values++;
          if (this.errors.length < MAXIMUM_ERRORS) this.add(value, item);
          else this.gaveUp = true;
        },
        error: (error) => {
          values++;
          this.errors.push(error);
        },
      });
      if (this.gaveUp)
        this.errors.push(
          new InputError({
            file: path,
            message: `more than ${MAXIMUM_ERRORS} errors; the rest of the file was not checked`,
          }),
        );
      if (values === 0)
        this.errors.push(new InputError({ file: path, message: 'the file holds no Kubernetes object' }));
    } catch (error) {
      this.errors.push(...inputErrorsOf(error));
    }
  }

  /** Takes one parsed object. */
  add(value: unknown, item: SourceItem): void {
    if (!isMap(value) || (value.apiVersion === undefined && value.kind === undefined)) {
      this.errors.push(
        item.error([], { message: `expected a Kubernetes object with apiVersion and kind, found ${content(value)}` }),
      );
      return;
    }
    const removed = removedVersion(value.apiVersion, value.kind);
    if (removed !== undefined) {
      this.errors.push(item.error(['apiVersion'], { message: removed.message, suggestion: removed.use }));
      return;
    }
    const { object, errors } = readManifest(value, {
      namespace: this.namespace,
      ...(this.startTime === undefined ? {} : { startTime: this.startTime }),
    });
    if (
      typeof value.apiVersion === 'string' &&
      typeof value.kind === 'string' &&
      infoOfKind(value.apiVersion, value.kind) === undefined
    ) {
      this.note(object, item, false);
      const labels = templateLabels(value);
      if (labels !== undefined) this.foreignTemplates.push({ namespace: object.metadata.namespace, labels });
      return;
    }
    const all = errors.length > 0 || this.lenient ? errors : validateObject(object);
    if (all.length > 0) {
      const title = `${object.kind || 'object'} ${object.metadata.name === '' ? '(no name)' : `"${object.metadata.name}"`}`;
      for (const error of all) {
        const details = { message: `${title}: ${fieldErrorText(error)}`, expected: error.detail };
        const steps = stepsOf(error.field);
        this.errors.push(error.value === UNKNOWN_FIELD ? item.keyError(steps, details) : item.error(steps, details));
      }
      return;
    }
    if (!isActedOn(object.apiVersion, object.kind)) this.note(object, item, true);
    this.keep({ object, item });
  }

  private keep(loaded: LoadedObject): void {
    const identity = `${loaded.object.kind} ${keyOf(loaded.object)}`;
    const earlier = this.byIdentity.get(identity);
    if (earlier !== undefined) this.replaced.push(loaded);
    this.byIdentity.set(identity, loaded);
  }

  private note(object: KubernetesObject, item: SourceItem, stored: boolean): void {
    const { apiVersion, kind, metadata } = object;
    const identity = `${apiVersion} ${kind}`;
    let entry = this.unmodelled.get(identity);
    if (entry === undefined) {
      entry = { apiVersion, kind, stored, item, count: 0, names: [] };
      this.unmodelled.set(identity, entry);
    }
    entry.count++;
    if (entry.names.length < NAMED) entry.names.push(metadata.name === '' ? 'no name' : metadata.name);
  }
}

function content(value: unknown): string {
  if (!isMap(value)) return describeValue(value);
  const keys = Object.keys(value);
  return keys.length === 0
    ? 'an empty map'
    : `a map with ${keys.slice(0, 5).join(', ')}${keys.length > 5 ? ', …' : ''}`;
}

/** `spec.template.metadata.labels` of an object of any kind. */
function templateLabels(raw: RawMap): Labels | undefined {
  let value: unknown = raw;
  for (const key of ['spec', 'template', 'metadata', 'labels']) value = isMap(value) ? value[key] : undefined;
  return isMap(value) ? (value as Labels) : undefined;
}
