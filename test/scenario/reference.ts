/** The reference section of docs/scenario.md, made from the JSON Schema so that it is always complete. */

type Schema = {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: boolean | Schema;
  readonly anyOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly $ref?: string;
};

/** One table for the top, and one for each map that has keys of its own. */
export function reference(schema: Schema & { readonly $defs?: Readonly<Record<string, Schema>> }): string {
  const sections: string[] = [];
  table('Top level', schema, '', sections);
  for (const [name, each] of Object.entries(schema.$defs ?? {})) table(`A ${name}`, each, '', sections);
  return sections.join('\n\n');
}

function table(title: string, schema: Schema, path: string, sections: string[]): void {
  const lines = [`### ${title}`, '', '| key | value | meaning |', '|---|---|---|'];
  const inner: (readonly [string, Schema])[] = [];
  for (const [key, each] of Object.entries(schema.properties ?? {})) {
    if (key === '$schema') continue;
    const required = schema.required?.includes(key) === true ? ' (required)' : '';
    lines.push(`| \`${key}\`${required} | ${kind(each)} | ${(each.description ?? '').replaceAll('|', '\\|')} |`);
    const map = mapOf(each);
    if (map !== undefined) inner.push([path === '' ? key : `${path}.${key}`, map]);
  }
  if (lines.length > 4) sections.push(lines.join('\n'));
  for (const [name, map] of inner) table(`\`${name}\``, map, name, sections);
}

/** The map with known keys inside a schema, through lists and alternatives. */
function mapOf(schema: Schema): Schema | undefined {
  if (schema.properties !== undefined) return Object.keys(schema.properties).length === 0 ? undefined : schema;
  if (schema.items !== undefined) return mapOf(schema.items);
  if (typeof schema.additionalProperties === 'object') return mapOf(schema.additionalProperties);
  for (const each of schema.anyOf ?? []) {
    const map = mapOf(each);
    if (map !== undefined) return map;
  }
  return undefined;
}

function kind(schema: Schema): string {
  if (schema.$ref !== undefined) return schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1);
  if (schema.enum !== undefined) return schema.enum.map((each) => `\`${String(each)}\``).join(', ');
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  if (schema.anyOf !== undefined) return alternatives(schema.anyOf);
  if (schema.items !== undefined) return `list of ${kind(schema.items)}`;
  if (schema.pattern !== undefined) return patternName(schema.pattern);
  if (Array.isArray(schema.type)) return schema.type.map((type) => kind({ type })).join(' or ');
  if (schema.type === 'integer' || schema.type === 'number') return number(schema);
  if (schema.type === 'object')
    return typeof schema.additionalProperties === 'object' ? `map of ${kind(schema.additionalProperties)}` : 'map';
  return schema.type === 'string'
    ? 'text'
    : schema.type === 'boolean'
      ? 'true or false'
      : schema.type === 'null'
        ? 'nothing'
        : 'anything';
}

function alternatives(schemas: readonly Schema[]): string {
  const values = schemas.flatMap((each) => each.enum ?? (each.const === undefined ? [] : [each.const]));
  const plain = schemas.filter((each) => each.enum === undefined && each.const === undefined).map(kind);
  // Sizes may be plain numbers of bytes, and a key may stand there with nothing after it; neither needs saying each time.
  const kinds = plain.filter(
    (each) => each !== 'nothing' && !(plain.includes('size') && each.startsWith('whole number')),
  );
  return [...new Set([...values.map((each) => `\`${String(each)}\``), ...kinds])].join(' or ');
}

function number(schema: Schema): string {
  const name = schema.type === 'integer' ? 'whole number' : 'number';
  if (schema.minimum !== undefined && schema.maximum !== undefined)
    return `${name} ${schema.minimum}…${schema.maximum}`;
  return schema.minimum === undefined ? name : `${name} ≥ ${schema.minimum}`;
}

function patternName(pattern: string): string {
  if (pattern.includes('ms|s|m|h')) return 'duration';
  if (pattern.includes('\\/(s|m|h)')) return 'rate';
  if (pattern.includes('Ki|Mi')) return 'size';
  return pattern.includes('%') ? 'percentage' : 'text';
}
