/** Errors of one field of an object, in the words of the API server (apimachinery pkg/util/validation/field). */
export type FieldErrorType =
  | 'Required value'
  | 'Invalid value'
  | 'Duplicate value'
  | 'Unsupported value'
  | 'Forbidden'
  | 'Too long'
  | 'Too many'
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

export function unsupported(field: string, value: unknown, supported: readonly string[]): FieldError {
  const names = supported.map((name) => JSON.stringify(name)).join(', ');
  return { field, type: 'Unsupported value', value, detail: `supported values: ${names}` };
}

/** `spec.replicas: Invalid value: -1: must be greater than or equal to 0`. */
export function fieldErrorText(error: FieldError): string {
  const found = error.type === 'Required value' || error.type === 'Forbidden' ? '' : `: ${valueText(error.value)}`;
  const detail = error.detail === '' ? '' : `: ${error.detail}`;
  return `${error.field}: ${error.type}${found}${detail}`;
}

function valueText(value: unknown): string {
  return value === undefined ? 'null' : (JSON.stringify(value) as string);
}

/** Message of a 422 answer: `Deployment.apps "web" is invalid: …`, several errors in brackets. */
export function invalidMessage(apiVersion: string, kind: string, name: string, errors: readonly FieldError[]): string {
  const slash = apiVersion.indexOf('/');
  const qualified = slash < 0 ? kind : `${kind}.${apiVersion.slice(0, slash)}`;
  const texts = [...new Set(errors.map(fieldErrorText))];
  return `${qualified} "${name}" is invalid: ${texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`}`;
}
