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

test('runs of different seeds are not said to have the same luck, and a run without rollout has nothing before it', () => {
  const [first, second] = sampleResults();
  const other = { ...second!, summary: { ...second!.summary, seed: 'another' } };
  const render = (results: Parameters<typeof renderReport>[0]): string => renderReport(results, { title: 'x', toolVersion: '0.1.0' });
  assert.match(render([first!, second!]), /same random numbers; only the strategy differs/);
  assert.match(render([first!, other]), /other seeds or of other scenarios: a part of each difference may be luck/);
  const metrics = { ...first!.summary.metrics, rolloutStart: null };
  const levels = [{ objective: 'API latency p99 <= 30s (lists)', metric: 'apiListLatency', met: true, value: null, limit: 30, comparison: '<=' as const, unit: 'seconds' }];
  const quiet = render([{ ...first!, summary: { ...first!.summary, metrics, serviceLevels: levels } }]);
  assert.match(quiet, /<th scope="row">Latency p99<\/th>/);
  assert.doesNotMatch(quiet, /<th scope="row">Latency p99 before<\/th>/);
  assert.match(quiet, /API latency p99 &lt;= 30s \(lists\)<\/th><td>.*<span class="unit">none<\/span>/);
});
