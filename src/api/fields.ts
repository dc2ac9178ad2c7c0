/** Errors of one field of an object, in the words of the API server (apimachinery pkg/util/validation/field). */
export type FieldErrorType =
  | 'Required value'
  | 'Invalid value'
  | 'Duplicate value'
  | 'Unsupported value'
  | 'Forbidden'
  | 'Too long'
  | 'Too many'
  /** Cannot be decoded at all: wrong type, unknown field. The API server answers 400, not 422. */
  | 'Malformed'
  | 'Not found';

export interface FieldError {
  /** Path such as `spec.template.spec.containers[0].image`. */
  readonly field: string;
  readonly type: FieldErrorType;
  /** What was found; absent for Required value and Forbidden. */
  readonly value?: unknown;
  /** Why; empty when the type says it all. */
  readonly detail: string;
}

export function required(field: string, detail = ''): FieldError {
  return { field, type: 'Required value', detail };
}

export function invalid(field: string, value: unknown, detail: string): FieldError {
  return { field, type: 'Invalid value', value, detail };
}

export function duplicate(field: string, value: unknown): FieldError {
  return { field, type: 'Duplicate value', value, detail: '' };
}

export function forbidden(field: string, detail: string): FieldError {
  return { field, type: 'Forbidden', detail };
}

/** A value of more bytes than it may have. */
export function tooLong(field: string, maximum: number): FieldError {
  return { field, type: 'Too long', detail: `may not be more than ${maximum} bytes` };
}

export function unsupported(field: string, value: unknown, supported: readonly string[]): FieldError {
  const names = supported.map((name) => JSON.stringify(name)).join(', ');
  return { field, type: 'Unsupported value', value, detail: `supported values: ${names}` };
}

/** `spec.replicas: Invalid value: -1: must be greater than or equal to 0`. */
export function fieldErrorText(error: FieldError): string {
  if (error.type === 'Malformed') return `${error.field}: ${error.detail}`;
  const found = error.type === 'Required value' || error.type === 'Forbidden' || error.type === 'Too long' ? '' : `: ${valueText(error.value)}`;
  const detail = error.detail === '' ? '' : `: ${error.detail}`;
  return `${error.field}: ${error.type}${found}${detail}`;
}

/** JSON as Go's encoder writes it: keys of maps sorted, `<`, `>` and `&` escaped in composite values. */
function valueText(value: unknown): string {
  if (value === undefined) return 'null';
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const text = JSON.stringify(value, (_key, each: unknown) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : each,
  );
  return text.replace(/[<>&]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`);
}

/** Message of a 422 answer: `Deployment.apps "web" is invalid: …`, several errors in brackets. */
export function invalidMessage(apiVersion: string, kind: string, name: string, errors: readonly FieldError[]): string {
  const slash = apiVersion.indexOf('/');
  const qualified = slash < 0 ? kind : `${kind}.${apiVersion.slice(0, slash)}`;
  const texts = [...new Set(errors.map(fieldErrorText))];
  return `${qualified} "${name}" is invalid: ${texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`}`;
}
