import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { fieldErrorText } from '../../api/fields.js';
import { readManifest } from '../../api/manifest.js';
import type { KubernetesObject } from '../../api/meta.js';
import { isMap } from '../../api/reader.js';
import { InputError } from '../input-error.js';
import { hasActions, renderTemplate } from './template.js';

/** Objects made from the templates of scheduler_perf; each file is read once. */
export class PerfObjects {
  readonly files = new Set<string>();
  private readonly texts = new Map<string, string>();
  private readonly objects = new Map<string, KubernetesObject>();

  /**
   * The objects with indexes 0 to `count` − 1: one for all when the template has no actions. Throws InputError.
   */
  prototypes(path: string, count: number): readonly KubernetesObject[] {
    const text = this.text(path);
    if (!hasActions(text)) return [this.object(path, text)];
    return Array.from({ length: count }, (_, index) => {
      try {
        return this.object(path, renderTemplate(text, { Index: index, Count: count }));
      } catch (error) {
        if (error instanceof InputError) throw error;
        throw new InputError({ file: path, message: (error as Error).message });
      }
    });
  }

  private text(path: string): string {
    let text = this.texts.get(path);
    if (text !== undefined) return text;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      throw new InputError({ file: path, message: `cannot read the template: ${(error as NodeJS.ErrnoException).code}` });
    }
    this.files.add(path);
    this.texts.set(path, text);
    return text;
  }

  /** Equal texts make the same object, so that thousands of pods share their spec. */
  private object(path: string, text: string): KubernetesObject {
    const known = this.objects.get(`${path}\n${text}`);
    if (known !== undefined) return known;
    let value: unknown;
    try {
      value = parse(text);
    } catch (error) {
      throw new InputError({ file: path, message: `no valid YAML: ${(error as Error).message}` });
    }
    if (!isMap(value)) throw new InputError({ file: path, message: 'expected one Kubernetes object' });
    const { object, errors } = readManifest(goFields(value) as typeof value);
    if (errors.length > 0) throw new InputError({ file: path, message: fieldErrorText(errors[0]!) });
    this.objects.set(`${path}\n${text}`, object);
    return object;
  }
}

/** Go's decoder finds struct fields whatever their case; the templates write NodeTaintsPolicy for nodeTaintsPolicy. */
function goFields(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return value.map((each) => goFields(each, key));
  if (!isMap(value)) return value;
  const lower = key === 'topologySpreadConstraints';
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [lower ? name[0]!.toLowerCase() + name.slice(1) : name, goFields(each, name)]),
  );
}
