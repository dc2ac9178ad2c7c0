import type { Labels } from '../../api/meta.js';
import { nearestName } from '../../api/nearest.js';
import { describeValue, isMap, type RawMap } from '../../api/reader.js';
import { MILLISECOND } from '../../kernel/time.js';
import { parseCel } from './cel.js';
import { ExpressionError, jqPath, parseJq } from './jq.js';
import type { Expression, PatchType, Requirement, Stage, StageDelay, StageStep, StageTemplate } from './stage.js';
import { parseTemplate, TemplateError } from './template.js';

/** Steps from the top of a Stage to a value. */
type Path = readonly (string | number)[];

/** Says where things are and takes what is wrong. */
export interface StageSource {
  readonly file: string;
  /** Line of the value at a path. For a block of text: of the line before its first. */
  lineOf(path: Path): number;
  /** `extra` lines below the value's line. */
  error(path: Path, message: string, extra?: number): void;
}

const TYPES: readonly PatchType[] = ['json', 'merge', 'strategic', 'apply'];
const OPERATORS = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const;

/** Whether a parsed document is a Stage of KWOK. */
export function isStage(raw: unknown): raw is RawMap {
  return isMap(raw) && raw.kind === 'Stage' && typeof raw.apiVersion === 'string' && raw.apiVersion.startsWith('kwok.x-k8s.io/');
}

/** Reads a Stage; undefined when anything is wrong, which goes to the source. A Stage without a selector matches nothing. */
export function readStage(raw: RawMap, source: StageSource): Stage | undefined {
  return new StageReader(source).stage(raw);
}

class StageReader {
  private readonly source: StageSource;
  private failed = false;

  constructor(source: StageSource) {
    this.source = source;
  }

  private fail(path: Path, message: string, extra = 0): undefined {
    this.failed = true;
    this.source.error(path, message, extra);
    return undefined;
  }

  /** Refuses keys that Stages do not have. */
  private known(raw: RawMap, path: Path, keys: readonly string[]): void {
    for (const key of Object.keys(raw)) {
      if (keys.includes(key)) continue;
      const near = nearestName(key, keys);
      this.fail([...path, key], `unknown field "${key}" of a Stage${near === undefined ? '' : `; did you mean "${near}"?`}`);
    }
  }

  private map(raw: RawMap, key: string, path: Path): RawMap | undefined {
    const value = raw[key];
    if (value === undefined || value === null) return undefined;
    return isMap(value) ? value : this.fail([...path, key], `expected a map, found ${describeValue(value)}`);
  }

  private list(raw: RawMap, key: string, path: Path): readonly unknown[] {
    const value = raw[key];
    if (value === undefined || value === null) return [];
    if (Array.isArray(value)) return value;
    this.fail([...path, key], `expected a list, found ${describeValue(value)}`);
    return [];
  }

  private text(raw: RawMap, key: string, path: Path): string | undefined {
    const value = raw[key];
    if (value === undefined || value === null) return undefined;
    return typeof value === 'string' ? value : this.fail([...path, key], `expected text, found ${describeValue(value)}`);
  }

  private whole(raw: RawMap, key: string, path: Path): number | undefined {
    const value = raw[key];
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'number' && Number.isInteger(value)) return value;
    return this.fail([...path, key], `expected a whole number, found ${describeValue(value)}`);
  }

  private flag(raw: RawMap, key: string, path: Path): boolean {
    const value = raw[key];
    if (value === undefined || value === null || typeof value === 'boolean') return value ?? false;
    this.fail([...path, key], `expected true or false, found ${describeValue(value)}`);
    return false;
  }

  private labels(raw: RawMap, key: string, path: Path): Labels {
    const map = this.map(raw, key, path) ?? {};
    for (const name of Object.keys(map)) this.text(map, name, [...path, key]);
    return map as Labels;
  }

  stage(raw: RawMap): Stage | undefined {
    const metadata = this.map(raw, 'metadata', []) ?? {};
    const spec = this.map(raw, 'spec', []);
    const name = this.text(metadata, 'name', ['metadata']) ?? '';
    if (spec === undefined) return this.fail([], 'a Stage must have a spec');
    this.known(spec, ['spec'], ['resourceRef', 'selector', 'weight', 'weightFrom', 'delay', 'next', 'immediateNextStage', 'steps']);
    const reference = this.map(spec, 'resourceRef', ['spec']) ?? {};
    const kind = this.text(reference, 'kind', ['spec', 'resourceRef']);
    if (kind === undefined) this.fail(['spec'], 'a Stage must say which kind it is for: spec.resourceRef.kind');
    const selector = this.map(spec, 'selector', ['spec']);
    const at: Path = ['spec', 'selector'];
    if (selector !== undefined) this.known(selector, at, ['matchLabels', 'matchAnnotations', 'matchExpressions']);
    const stage: Stage = {
      name,
      apiGroup: this.text(reference, 'apiGroup', ['spec', 'resourceRef']) ?? 'v1',
      kind: kind ?? '',
      matchLabels: selector === undefined ? {} : this.labels(selector, 'matchLabels', at),
      matchAnnotations: selector === undefined ? {} : this.labels(selector, 'matchAnnotations', at),
      matchExpressions:
        selector === undefined
          ? [{ language: 'cel', program: { kind: 'literal', value: false } }]
          : this.list(selector, 'matchExpressions', at).flatMap((each, i) => this.requirement(each, [...at, 'matchExpressions', i]) ?? []),
      weight: this.whole(spec, 'weight', ['spec']) ?? 0,
      weightFrom: this.expression(spec, 'weightFrom', ['spec']),
      delay: this.delay(spec),
      steps: this.steps(spec),
      immediateNextStage: this.flag(spec, 'immediateNextStage', ['spec']),
      position: `${this.source.file}:${this.source.lineOf([])}`,
    };
    return this.failed ? undefined : stage;
  }

  private requirement(raw: unknown, path: Path): Requirement | undefined {
    if (!isMap(raw)) return this.fail(path, `expected a map, found ${describeValue(raw)}`);
    this.known(raw, path, ['key', 'operator', 'values', 'jq', 'cel']);
    const cel = this.map(raw, 'cel', path);
    if (cel !== undefined) {
      const at = [...path, 'cel', 'expression'];
      const program = this.compile(parseCel, this.text(cel, 'expression', [...path, 'cel']) ?? '', at);
      return program === undefined ? undefined : { language: 'cel', program };
    }
    const within = this.map(raw, 'jq', path);
    const place: Path = within === undefined ? path : [...path, 'jq'];
    const jq = within ?? raw;
    const key = this.text(jq, 'key', place);
    if (key === undefined) return this.fail(path, 'a matchExpression must have a key, or cel.expression');
    const query = this.compile(parseJq, key, [...place, 'key']);
    const operator = OPERATORS.find((each) => each === jq.operator);
    if (operator === undefined) return this.fail([...place, 'operator'], `expected one of ${OPERATORS.join(', ')}, found ${describeValue(jq.operator)}`);
    const values = this.list(jq, 'values', place).map(String);
    if ((operator === 'In' || operator === 'NotIn') === (values.length === 0)) {
      return this.fail([...place, 'operator'], operator === 'In' || operator === 'NotIn' ? `${operator} wants values` : `${operator} takes no values`);
    }
    return query === undefined ? undefined : { language: 'jq', query, path: jqPath(query), operator, values };
  }

  private compile<T>(parse: (text: string) => T, text: string, path: Path): T | undefined {
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      return this.fail(path, `${error.message} (at character ${error.offset + 1} of "${text}")`);
    }
  }

  private expression(raw: RawMap, key: string, path: Path): Expression | null {
    const map = this.map(raw, key, path);
    if (map === undefined) return null;
    const at: Path = [...path, key];
    this.known(map, at, ['expressionFrom', 'jq', 'cel']);
    const cel = this.map(map, 'cel', at);
    if (cel !== undefined) {
      const program = this.compile(parseCel, this.text(cel, 'expression', [...at, 'cel']) ?? '', [...at, 'cel', 'expression']);
      return program === undefined ? null : { language: 'cel', program };
    }
    const jq = this.map(map, 'jq', at);
    const text = jq === undefined ? this.text(map, 'expressionFrom', at) : this.text(jq, 'expression', [...at, 'jq']);
    if (text === undefined) return null;
    const query = this.compile(parseJq, text, jq === undefined ? [...at, 'expressionFrom'] : [...at, 'jq', 'expression']);
    return query === undefined ? null : { language: 'jq', query, path: jqPath(query) };
  }

  private delay(spec: RawMap): StageDelay | null {
    const raw = this.map(spec, 'delay', ['spec']);
    if (raw === undefined) return null;
    const at: Path = ['spec', 'delay'];
    this.known(raw, at, ['durationMilliseconds', 'durationFrom', 'jitterDurationMilliseconds', 'jitterDurationFrom']);
    const jitter = this.whole(raw, 'jitterDurationMilliseconds', at);
    return {
      duration: (this.whole(raw, 'durationMilliseconds', at) ?? 0) * MILLISECOND,
      durationFrom: this.expression(raw, 'durationFrom', at),
      jitterDuration: jitter === undefined ? null : jitter * MILLISECOND,
      jitterDurationFrom: this.expression(raw, 'jitterDurationFrom', at),
    };
  }

  /** `steps`, or `next` taken apart into them (pkg/apis/internalversion/conversion.go). */
  private steps(spec: RawMap): readonly StageStep[] {
    const listed = this.list(spec, 'steps', ['spec']);
    if (listed.length > 0) return listed.flatMap((each, i) => this.step(each, ['spec', 'steps', i]) ?? []);
    const next = this.map(spec, 'next', ['spec']);
    if (next === undefined) return [];
    const at: Path = ['spec', 'next'];
    this.known(next, at, ['event', 'finalizers', 'delete', 'patches', 'statusTemplate', 'statusSubresource', 'statusPatchAs']);
    const steps: StageStep[] = [];
    const event = this.event(next, at);
    if (event !== undefined) steps.push({ event });
    const finalizers = this.finalizers(next, at);
    if (finalizers !== undefined) steps.push({ finalizers });
    const patches = this.list(next, 'patches', at);
    patches.forEach((each, i) => {
      const patch = this.patch(each, [...at, 'patches', i]);
      if (patch !== undefined) steps.push({ patch });
    });
    if (patches.length === 0 && (this.text(next, 'statusTemplate', at) ?? '') !== '') {
      const template = this.template(next, 'statusTemplate', at);
      const subresource = this.text(next, 'statusSubresource', at) ?? 'status';
      if (template !== undefined) steps.push({ patch: { ...template, subresource, root: 'status' } });
    }
    if (this.flag(next, 'delete', at)) steps.push({ delete: true });
    return steps;
  }

  private step(raw: unknown, path: Path): StageStep | undefined {
    if (!isMap(raw)) return this.fail(path, `expected a map, found ${describeValue(raw)}`);
    this.known(raw, path, ['patch', 'event', 'finalizers', 'delete', 'apply']);
    const event = this.event(raw, path);
    const finalizers = this.finalizers(raw, path);
    const patch = raw.patch === undefined ? undefined : this.patch(raw.patch, [...path, 'patch']);
    const apply = this.map(raw, 'apply', path);
    const applied = apply === undefined ? undefined : this.applied(apply, [...path, 'apply']);
    return {
      ...(event === undefined ? {} : { event }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ...(this.flag(raw, 'delete', path) ? { delete: true } : {}),
      ...(patch === undefined ? {} : { patch }),
      ...(applied === undefined ? {} : { apply: applied }),
    };
  }

  private event(raw: RawMap, path: Path): StageStep['event'] {
    const map = this.map(raw, 'event', path);
    if (map === undefined) return undefined;
    const at: Path = [...path, 'event'];
    this.known(map, at, ['type', 'reason', 'message']);
    const type = this.text(map, 'type', at) ?? 'Normal';
    if (type !== 'Normal' && type !== 'Warning') return this.fail([...at, 'type'], `expected Normal or Warning, found ${type}`);
    return { type, reason: this.text(map, 'reason', at) ?? '', message: this.text(map, 'message', at) ?? '' };
  }

  private finalizers(raw: RawMap, path: Path): StageStep['finalizers'] {
    const map = this.map(raw, 'finalizers', path);
    if (map === undefined) return undefined;
    const at: Path = [...path, 'finalizers'];
    this.known(map, at, ['add', 'remove', 'empty']);
    const texts = (key: string): string[] =>
      this.list(map, key, at).flatMap((each, i) => (isMap(each) ? (this.text(each, 'value', [...at, key, i]) ?? []) : []));
    return { add: texts('add'), remove: texts('remove'), empty: this.flag(map, 'empty', at) };
  }

  private patch(raw: unknown, path: Path): (StageTemplate & { readonly root: string }) | undefined {
    if (!isMap(raw)) return this.fail(path, `expected a map, found ${describeValue(raw)}`);
    this.known(raw, path, ['subresource', 'root', 'template', 'type', 'impersonation']);
    const template = this.applied(raw, path);
    return template === undefined ? undefined : { ...template, root: this.text(raw, 'root', path) ?? '' };
  }

  private applied(raw: RawMap, path: Path): StageTemplate | undefined {
    const template = this.template(raw, 'template', path);
    const type = raw.type === undefined ? undefined : TYPES.find((each) => each === raw.type);
    if (raw.type !== undefined && type === undefined) return this.fail([...path, 'type'], `expected one of ${TYPES.join(', ')}, found ${describeValue(raw.type)}`);
    if (template === undefined) return undefined;
    return { ...template, subresource: this.text(raw, 'subresource', path) ?? '', ...(type === undefined ? {} : { type }) };
  }

  private template(raw: RawMap, key: string, path: Path): Pick<StageTemplate, 'template' | 'file' | 'line'> | undefined {
    const at: Path = [...path, key];
    const text = this.text(raw, key, path) ?? '';
    try {
      return { template: parseTemplate(text), file: this.source.file, line: this.source.lineOf(at) };
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      return this.fail(at, error.message, error.line);
    }
  }
}
