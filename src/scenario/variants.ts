import type { InputError, Position } from './input-error.js';
import type { RawScenario } from './schema.js';
import type { Path } from './source.js';
import { SourceItem } from './source.js';

/** Variants of a scenario: partial scenarios that are laid over the base one before it is checked. */

export type RawVariant = NonNullable<RawScenario['variants']>[number];

/** Keys that hold for all variants alike, and why. */
const COMMON: Readonly<Record<string, string>> = {
  $schema: 'it says what the file is, not the variant',
  question: 'all variants answer the same question',
  seed: 'all variants run with the same seed',
  variants: 'a variant has no variants of its own',
};

/** What is wrong with the variants as a whole: names given twice, keys that must be the same for all. */
export function variantErrors(raw: RawScenario, item: SourceItem): InputError[] {
  const errors: InputError[] = [];
  const names = new Set<string>();
  (raw.variants ?? []).forEach((variant, i) => {
    if (names.has(variant.name)) {
      errors.push(item.error(['variants', i, 'name'], { message: `two variants are named ${variant.name}` }));
    }
    names.add(variant.name);
    for (const [key, why] of Object.entries(COMMON)) {
      if (variant[key] === undefined) continue;
      errors.push(item.keyError(['variants', i, key], { message: `a variant cannot change "${key}": ${why}` }));
    }
  });
  return errors;
}

/** The base scenario with a variant laid over it: maps merge deeply, everything else is replaced. */
export function mergeVariant(base: unknown, variant: RawVariant): unknown {
  const { name: _name, ...changes } = variant;
  const { variants: _variants, ...rest } = base as Readonly<Record<string, unknown>>;
  return merge(rest, changes);
}

function merge(base: unknown, change: unknown): unknown {
  if (!isPlainMap(base) || !isPlainMap(change)) return change;
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(change)) {
    merged[key] = Object.hasOwn(base, key) ? merge(base[key], value) : value;
  }
  return merged;
}

function isPlainMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The merged scenario as part of its file: what a variant states stands in the variant's lines, the rest in the base's. */
export class VariantItem extends SourceItem {
  private readonly base: unknown;
  private readonly variant: RawVariant;
  private readonly index: number;

  constructor(item: SourceItem, base: unknown, variant: RawVariant, index: number) {
    super(item.source, item.start, item.end, item.prefix);
    this.base = base;
    this.variant = variant;
    this.index = index;
  }

  override position(path: Path): Position {
    return super.position(this.pathInFile(path));
  }

  override keyPosition(path: Path): Position {
    return super.keyPosition(this.pathInFile(path));
  }

  override error(path: Path, details: Parameters<SourceItem['error']>[1]): InputError {
    return super.error(path, this.named(path, details));
  }

  override keyError(path: Path, details: Parameters<SourceItem['error']>[1]): InputError {
    return super.keyError(path, this.named(path, details));
  }

  /** An error in a line of the base that only this variant brings about says which variant that is. */
  private named<T extends { readonly message: string }>(path: Path, details: T): T {
    if (this.isOwn(path)) return details;
    return { ...details, message: `with the variant ${this.variant.name}: ${details.message}` };
  }

  private pathInFile(path: Path): Path {
    return this.isOwn(path) ? ['variants', this.index, ...path] : path;
  }

  /** Whether the value at a path, or the nearest thing above it, is the variant's. */
  private isOwn(path: Path): boolean {
    let base: unknown = this.base;
    let own: unknown = this.variant;
    for (const step of path) {
      if (!isPlainMap(own) || !isPlainMap(base)) return true;
      if (own[step] === undefined) return base[step] === undefined && own !== this.variant;
      own = own[step];
      base = base[step];
    }
    return own !== this.variant;
  }
}
