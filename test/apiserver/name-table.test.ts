import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NameTable } from '../../src/apiserver/name-table.js';

test('a table of names finds what a Map finds, whatever the names have in common', () => {
  const name = fc.oneof(fc.string({ maxLength: 3 }), fc.constantFrom('map-1', 'map-2', 'web-7d4b9c6f5-x2x9k', 'web-7d4b9c6f5-x2x9j'), fc.nat(40).map((i) => `${i}-of-many-with-one-tail`));
  fc.assert(
    fc.property(fc.array(fc.record({ name, add: fc.boolean() }), { maxLength: 300 }), (steps) => {
      const table = new NameTable<{ readonly name: string }>();
      const map = new Map<string, { readonly name: string }>();
      for (const step of steps) {
        const known = map.get(step.name);
        assert.equal(table.find(step.name), known);
        if (step.add && known === undefined) {
          const thing = { name: step.name };
          table.add(thing);
          map.set(step.name, thing);
        } else if (!step.add && known !== undefined) {
          table.remove(known);
          map.delete(step.name);
        }
        assert.equal(table.size, map.size);
      }
      for (const [key, thing] of map) assert.equal(table.find(key), thing);
    }),
  );
});

/** Counts how often it is asked for its name. */
class Asked {
  static times = 0;
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  get name(): string {
    Asked.times++;
    return this.text;
  }
}

test('few things are asked for their names, also where names differ at their beginning only', () => {
  for (const nameOf of [(i: number) => `configuration-of-${i}`, (i: number) => `${i}-configuration`]) {
    const names = Array.from({ length: 20_000 }, (_, i) => nameOf(i));
    const table = new NameTable<Asked>();
    for (const each of names) table.add(new Asked(each));
    Asked.times = 0;
    for (const each of names) assert.ok(table.find(each));
    assert.ok(Asked.times < 1.1 * names.length, String(Asked.times));
  }
});
