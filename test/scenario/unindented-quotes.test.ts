import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { loadManifests } from '../../src/scenario/index.js';
import { indentQuoted } from '../../src/scenario/unindented-quotes.js';

/** As controller-gen wrote CustomResourceDefinitions for years, and kubectl takes them. */
const CRD = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: canaries.flagger.app
spec:
  group: flagger.app
  names: { kind: Canary, plural: canaries }
  scope: Namespaced
  versions:
    - additionalPrinterColumns:
        - description: 'CreationTimestamp is a timestamp representing the server''s time
        when this object was created. More info: https://example.com'
          jsonPath: .metadata.creationTimestamp
          name: Age
          type: date
        - description: "Second: with \\"quotes\\"
        over lines"
          name: Other
      name: v1beta1
`;

test('quoted text whose later lines begin no further in than its key is read as kubectl reads it', () => {
  const { spec } = parse(indentQuoted(CRD)) as { spec: { versions: { additionalPrinterColumns: { description: string }[] }[] } };
  assert.deepEqual(
    spec.versions[0]!.additionalPrinterColumns.map(({ description }) => description),
    ["CreationTimestamp is a timestamp representing the server's time when this object was created. More info: https://example.com", 'Second: with "quotes" over lines'],
  );
  assert.equal(indentQuoted(CRD).split('\n').length, CRD.split('\n').length);
  // What is right, and what only looks like it, stays.
  for (const text of ["a: 'one'\nb: \"two\"\n", "a: it's\nb: 'x'\n", 'a: |\n  say: "\n  no\n', "a: 'one\n   two'\n"]) assert.deepEqual(parse(indentQuoted(text)), parse(text));
});

test('objects behind such text keep their places; a quote that never ends is an error as before', () => {
  const folder = mkdtempSync(join(tmpdir(), 'towtank-quotes-'));
  const file = join(folder, 'crd.yaml');
  writeFileSync(file, `${CRD}---\napiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { selector: { app: nothing }, ports: [{ port: 80 }] }\n`);
  const { findings } = loadManifests(file);
  assert.deepEqual(findings.map(({ position }) => position?.replace(/^.*crd\.yaml/, '')), [':2:7', ':24:19']);
  writeFileSync(file, "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\ndata:\n  key: 'never\n  ends\n");
  assert.throws(() => loadManifests(file), /crd\.yaml:\d+:\d+: no valid YAML: Missing closing 'quote/);
  rmSync(folder, { recursive: true });
});
