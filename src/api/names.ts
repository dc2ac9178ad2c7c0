/** Names and labels as the API server checks them (apimachinery pkg/util/validation); each function returns what is wrong. */

const label1035 = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const qualifiedPart = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const labelValue = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;

const LABEL_MESSAGE =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN_MESSAGE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_1035_MESSAGE =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const QUALIFIED_MESSAGE =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE_MESSAGE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

function tooLong(maximum: number): string {
  return `must be no more than ${maximum} bytes`;
}

const NO_PROBLEMS: readonly string[] = Object.freeze([]);

function check(value: string, maximum: number, good: boolean, message: string): readonly string[] {
  const fits = value.length <= maximum;
  if (good) return fits ? NO_PROBLEMS : [tooLong(maximum)];
  return fits ? [message] : [tooLong(maximum), message];
}

const DASH = 45;
const DOT = 46;

/** Whether a text is lower case letters, digits and dashes, with a letter or digit at both ends (of each part between dots, if there may be `dots`). By hand: every new object is looked at. */
function isDns(value: string, dots: boolean): boolean {
  let before = DOT;
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code === DASH) {
      if (before === DOT) return false;
    } else if (code === DOT) {
      if (!dots || before === DOT || before === DASH) return false;
    } else if (!((code >= 97 && code <= 122) || (code >= 48 && code <= 57))) return false;
    before = code;
  }
  return before !== DOT && before !== DASH;
}

/** DNS-1123 label: names of containers, namespaces, volumes. */
export function dns1123Label(value: string): readonly string[] {
  return check(value, 63, isDns(value, false), LABEL_MESSAGE);
}

/** DNS-1123 subdomain: names of most objects. */
export function dns1123Subdomain(value: string): readonly string[] {
  return check(value, 253, isDns(value, true), SUBDOMAIN_MESSAGE);
}

/** DNS-1035 label: names of Services. */
export function dns1035Label(value: string): readonly string[] {
  return check(value, 63, label1035.test(value), LABEL_1035_MESSAGE);
}

/** Qualified name: keys of labels and annotations, names of resources. */
export function qualifiedName(value: string): string[] {
  const slash = value.lastIndexOf('/');
  const problems: string[] = [];
  if (slash >= 0) {
    const prefix = value.slice(0, slash);
    if (prefix === '') problems.push('prefix part must be non-empty');
    else for (const problem of dns1123Subdomain(prefix)) problems.push(`prefix part ${problem}`);
  }
  const name = value.slice(slash + 1);
  if (name === '') problems.push('name part must be non-empty');
  else if (name.length > 63) problems.push('name part must be no more than 63 bytes');
  if (!qualifiedPart.test(name)) problems.push(QUALIFIED_MESSAGE);
  return problems;
}

export function labelValueProblems(value: string): readonly string[] {
  return check(value, 63, labelValue.test(value), LABEL_VALUE_MESSAGE);
}

/** IANA service name: names of ports. */
export function portName(value: string): string[] {
  const problems: string[] = [];
  if (value.length > 15) problems.push('must be no more than 15 bytes');
  if (!/^[-a-z0-9]+$/.test(value))
    problems.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(value)) problems.push('must contain at least one letter (a-z)');
  if (value.includes('--')) problems.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) problems.push('must not begin or end with a hyphen');
  return problems;
}
