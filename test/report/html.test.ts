import assert from 'node:assert/strict';
import { test } from 'node:test';
import { embed, escapeHtml, renderReport } from '../../src/report/html.js';
import { sampleResults } from './sample.js';

const page = renderReport(sampleResults(), { title: 'strategies <1>', toolVersion: '0.1.0' });

test('the answer and the comparison stand in the page itself', () => {
  assert.match(page, /<h1>Ramped, blue-green and canary meet all 3 objectives; recreate does not\.<\/h1>/);
  assert.match(page, /<th scope="row">errors &lt; 0\.1%<\/th><td>.*aria-label="missed".*2\.98%/);
  assert.match(page, /<title>strategies &lt;1&gt; - towtank<\/title>/);
});

test('embedded data cannot end its script element', () => {
  assert.equal(embed({ text: '</script><!--' }), '{"text":"\\u003c/script>\\u003c!--"}');
  const data = page.slice(page.indexOf('id="data">'), page.indexOf('</script>'));
  assert.ok(!data.includes('<'));
  assert.equal(page.match(/<\/script>/g)!.length, 2, 'the data and the code, nothing else');
  assert.equal(escapeHtml('<b a="1">&'), '&lt;b a=&quot;1&quot;&gt;&amp;');
});

test('self-contained, and the same bytes each time', () => {
  assert.ok(!/(?:src|href)="(?!data:|#)/.test(page.slice(0, page.indexOf('id="data">'))));
  assert.equal(renderReport(sampleResults(), { title: 'strategies <1>', toolVersion: '0.1.0' }), page);
  assert.ok(page.length < 5_000_000, `${page.length} characters`);
});
