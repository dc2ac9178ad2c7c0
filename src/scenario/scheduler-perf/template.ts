/**
 * The part of Go's text/template that the templates of scheduler_perf use: fields (`{{.Index}}`, `{{.Count}}`), and the functions
 * `Mod` and `DivideInt` (test/integration/scheduler_perf/operations.go getTemplateFuncs).
 */
const FUNCTIONS: Readonly<Record<string, (a: number, b: number) => number>> = {
  Mod: (a, b) => a % b,
  DivideInt: (a, b) => Math.trunc(a / b),
};

const ACTION = /\{\{-?\s*(.*?)\s*-?\}\}/g;

/** Whether a text holds any action: without one it is the same for all indexes. */
export function hasActions(text: string): boolean {
  return text.includes('{{');
}

/** Carries out the actions of a template. Throws an Error that says which action is not understood. */
export function renderTemplate(text: string, fields: Readonly<Record<string, number>>): string {
  return text.replace(ACTION, (action, body: string) => {
    const [first, ...rest] = body.split(/\s+/);
    if (rest.length === 0) return String(operand(first!, action, fields));
    const call = FUNCTIONS[first!];
    if (call === undefined || rest.length !== 2) {
      throw new Error(`the template action ${action} is not understood (known: fields, Mod A B, DivideInt A B)`);
    }
    const [a, b] = rest.map((each) => operand(each, action, fields));
    if (b === 0) throw new Error(`the template action ${action} divides by zero`);
    return String(call(a!, b!));
  });
}

function operand(text: string, action: string, fields: Readonly<Record<string, number>>): number {
  const value = text.startsWith('.') ? fields[text.slice(1)] : /^-?\d+$/.test(text) ? Number(text) : undefined;
  if (value !== undefined) return value;
  throw new Error(`the template action ${action} is not understood: no field ${text} (known: .${Object.keys(fields).join(', .')})`);
}
