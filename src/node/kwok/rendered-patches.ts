import { isMap } from '../../api/reader.js';
import { readManifest } from '../../api/manifest.js';
import type { KubernetesObject } from '../../api/meta.js';
import type { Patch } from '../../apiserver/request.js';
import type { Time } from '../../kernel/time.js';
import { Hole, Renderer } from './render.js';
import type { StageTemplate } from './stage.js';
import { JsonDataPatch, StatusPatch } from './status-patch.js';
import { renderTemplate, StageError, withRoot } from './steps.js';
import type { ObjectSubject } from './subject.js';
import { TemplateError } from './template.js';
import type { TemplateEnvironment } from './template-functions.js';
import { templateInputs } from './template-inputs.js';

/** Values that templates ask for while a stage is played. */
export interface PlayEnvironment extends TemplateEnvironment {
  readonly now: Time;
  readonly startTime: number;
  /** Value of a hole for an object, by the name of the function that gave it. */
  fill(name: string, object: KubernetesObject): string;
  /** Whether the arguments of a call are those that `fill` will use for the object. */
  fits(name: string, args: readonly unknown[], object: KubernetesObject): boolean;
}

/** Instants of a rendering that stands for many: no real timestamp is this one. */
const NOW_TEXT = '1971-02-03T04:05:06Z';
const NOW_MARK = '__now__';
const HOLE = /^__([A-Za-z]+)_(\d+)__$/;
/** Renderings kept for one template; beyond it all are forgotten. */
const MOST_KEPT = 20000;

/** A rendering without the values that differ from object to object. */
interface Skeleton {
  readonly status: Readonly<Record<string, unknown>>;
  readonly removed: readonly string[];
  readonly bytes: number;
  /** Lists and maps with a hole somewhere below. */
  readonly holed: ReadonlySet<unknown>;
  /** The present instant is among the holes. */
  readonly stamped: boolean;
  /** Number that stands for the present instant. */
  readonly nowMark: number;
}

/** What one template has given so far, by the values of the fields that it reads. */
class Memory {
  readonly inputs: readonly (readonly string[])[];
  readonly tree = new Map<unknown, unknown>();
  kept = 0;

  constructor(inputs: readonly (readonly string[])[]) {
    this.inputs = inputs;
  }
}

/**
 * Patches from templates. A template is rendered and its YAML read once for all objects that agree in what it reads (containers are shared
 * by the pods of one owner); addresses and the present instant are filled in for each object.
 */
export class RenderedPatches {
  private readonly memories = new Map<StageTemplate, Memory>();

  /** The patch that a step asks for. Throws StageError. */
  patch(step: StageTemplate & { readonly root: string }, object: KubernetesObject, subject: ObjectSubject, environment: PlayEnvironment): Patch {
    const type = step.type ?? 'strategic';
    if (step.root === 'status' && step.subresource === 'status' && (type === 'strategic' || type === 'merge')) {
      const skeleton = this.skeleton(step, object, subject, environment);
      if (skeleton !== null) {
        const status = filled(skeleton.status, skeleton, object, environment) as Skeleton['status'];
        return new StatusPatch(status, skeleton.removed, type === 'strategic', skeleton.stamped, skeleton.bytes);
      }
    }
    const data = withRoot(type, step.root, renderTemplate(step, subject.of(object).json(), environment));
    return new JsonDataPatch(type, data, environment.startTime);
  }

  private skeleton(step: StageTemplate, object: KubernetesObject, subject: ObjectSubject, environment: PlayEnvironment): Skeleton | null {
    let memory = this.memories.get(step);
    if (memory === undefined) {
      memory = new Memory(templateInputs(step.template));
      this.memories.set(step, memory);
    }
    const { inputs } = memory;
    let tree = memory.tree;
    for (let i = 0; i < inputs.length; i++) {
      const value = inputValue(object, inputs[i]!);
      const next = tree.get(value);
      if (next !== undefined) tree = next as Map<unknown, unknown>;
      else {
        const made = new Map<unknown, unknown>();
        tree.set(value, made);
        tree = made;
      }
    }
    let skeleton = tree.get(SKELETON) as Skeleton | null | undefined;
    if (skeleton === undefined) {
      skeleton = makeSkeleton(step, object, subject, environment);
      tree.set(SKELETON, skeleton);
      if (++memory.kept > MOST_KEPT) {
        memory.tree.clear();
        memory.kept = 0;
      }
    }
    return skeleton;
  }
}

const SKELETON = 'skeleton';

/** What stands for a field in the memory: the value itself, or the object in the model that holds it. */
function inputValue(object: KubernetesObject, path: readonly string[]): unknown {
  const [group, field] = path;
  if (group === undefined || field === undefined) return object;
  const holder = (object as unknown as Record<string, Record<string, unknown> | undefined>)[group];
  if (holder === undefined) return undefined;
  if (group === 'metadata') return path.length > 2 && isMap(holder[field]) ? holder[field][path[2]!] : holder[field];
  // Fields of a manifest that no model reads are kept together.
  return Object.hasOwn(holder, field) ? holder[field] : holder.extra;
}

/** Gives holes for what differs from object to object; notes when that does not do. */
class HoleEnvironment implements TemplateEnvironment {
  exact = true;
  private readonly environment: PlayEnvironment;
  private readonly object: KubernetesObject;
  private count = 0;

  constructor(environment: PlayEnvironment, object: KubernetesObject) {
    this.environment = environment;
    this.object = object;
  }

  call(name: string, args: readonly unknown[]): unknown {
    if (name === 'Now') return new Hole(NOW_MARK);
    if (!/With$/.test(name)) return this.environment.call(name, args);
    if (!this.environment.fits(name, args, this.object)) this.exact = false;
    const hole = new Hole(`__${name}_${this.count++}__`);
    return name.endsWith('IPsWith') ? [hole] : hole;
  }
}

function makeSkeleton(step: StageTemplate, object: KubernetesObject, subject: ObjectSubject, environment: PlayEnvironment): Skeleton | null {
  const holes = new HoleEnvironment(environment, object);
  const renderer = new Renderer(holes);
  let data: unknown;
  try {
    data = renderer.renderYaml(step.template, subject.of(object).json());
  } catch (error) {
    throw error instanceof TemplateError ? new StageError(step, error) : error;
  }
  if (!renderer.exact || !holes.exact || !isMap(data) || !wholeHoles(data)) return null;
  const text = JSON.stringify(data);
  const removed = Object.keys(data).filter((key) => (data as Record<string, unknown>)[key] === null);
  const raw = JSON.parse(text.replaceAll(`"${NOW_MARK}"`, `"${NOW_TEXT}"`)) as Record<string, unknown>;
  const status = readStatus(object.kind, raw, environment.startTime, step);
  const holed = new Set<unknown>();
  const nowMark = nowMarkOf(environment.startTime);
  findHoles(status, nowMark, holed);
  return { status, removed, bytes: text.length + '{"status":}'.length, holed, stamped: text.includes(NOW_MARK), nowMark };
}

/** Whether every hole is a whole value, not a part of a text. */
function wholeHoles(value: unknown): boolean {
  if (typeof value === 'string') return value === NOW_MARK || HOLE.test(value) || !/__(?:now|[A-Za-z]+_\d+)__/.test(value);
  if (typeof value !== 'object' || value === null) return true;
  return Object.values(value).every(wholeHoles);
}

function nowMarkOf(startTime: number): number {
  const { object } = readManifest(
    { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' }, spec: {}, status: { startTime: NOW_TEXT } },
    { startTime },
  );
  return (object as unknown as { status: { startTime: number } }).status.startTime;
}

/** A status as typed fields: only those that the JSON has. */
function readStatus(kind: string, raw: Record<string, unknown>, startTime: number, step: StageTemplate): Readonly<Record<string, unknown>> {
  const spec = kind === 'Pod' ? { containers: [{ name: 'x', image: 'x' }] } : {};
  const { object, errors } = readManifest({ apiVersion: 'v1', kind, metadata: { name: 'x' }, spec, status: raw }, { startTime });
  const wrong = errors.find((error) => error.field.startsWith('status'));
  if (wrong !== undefined) throw new StageError(step, new TemplateError(`the rendered template gives an invalid ${wrong.field}: ${wrong.detail}`, 1));
  const status: Record<string, unknown> = {};
  for (const [key, value] of Object.entries((object as unknown as { status: Record<string, unknown> }).status)) {
    if (raw[key] !== undefined && raw[key] !== null) status[key] = value;
  }
  return status;
}

function findHoles(value: unknown, nowMark: number, holed: Set<unknown>): boolean {
  if (value === nowMark) return true;
  if (typeof value === 'string') return HOLE.test(value);
  if (typeof value !== 'object' || value === null) return false;
  let found = false;
  for (const inner of Object.values(value)) if (findHoles(inner, nowMark, holed)) found = true;
  if (found) holed.add(value);
  return found;
}

/** A copy with the holes filled; what has none is shared. */
function filled(value: unknown, skeleton: Skeleton, object: KubernetesObject, environment: PlayEnvironment): unknown {
  if (value === skeleton.nowMark) return environment.now;
  if (typeof value === 'string') {
    const match = value.startsWith('__') ? HOLE.exec(value) : null;
    return match === null ? value : environment.fill(match[1]!, object);
  }
  if (!skeleton.holed.has(value)) return value;
  if (Array.isArray(value)) return value.map((item) => filled(item, skeleton, object, environment));
  const result: Record<string, unknown> = {};
  for (const key in value as object) result[key] = filled((value as Record<string, unknown>)[key], skeleton, object, environment);
  return result;
}
