/**
 * Style of the report. Series colours are Okabe and Ito's palette (safe for the common kinds of colour blindness), lightened
 * on dark ground; text contrast is at least 4.5:1 in both.
 */
export const STYLE = `
:root { color-scheme: light dark; }
:root, :root[data-theme="light"] {
  --page: #f6f7f9; --surface: #ffffff; --raised: #f1f3f6; --line: #dfe3e8; --text: #1a1f26; --soft: #56606c;
  --accent: #0b62a8; --good: #0a7a4f; --good-soft: #e3f4ec; --bad: #b3410e; --bad-soft: #fcebe2; --note: #8a5a00; --note-soft: #fdf3dc;
  --s0: #d55e00; --s1: #0072b2; --s2: #009e73; --s3: #c98a00; --s4: #b4579a; --s5: #3d9bd1; --s6: #6b6f76;
  --v0: #93a1b0; --v0-soft: #ccd4dc; --v1: #0072b2; --v1-soft: #99c7e3; --v2: #d98a00; --v2-soft: #f2d39b; --v3: #009e73; --v3-soft: #a3dbc9;
  --heat0: #eef4f8; --heat1: #9fc5de; --heat2: #3c8dbc; --heat3: #0f4c75; --heat4: #d55e00; --grid: #1a1f26; --shade: #0b62a8;
}
:root[data-theme="dark"] {
  --page: #0f1317; --surface: #171c22; --raised: #1f262e; --line: #2c353f; --text: #e8ecf1; --soft: #a3afbb;
  --accent: #6cb6f2; --good: #4fd09b; --good-soft: #12322a; --bad: #ff9a66; --bad-soft: #3a2015; --note: #f0c061; --note-soft: #33290f;
  --s0: #ff8a47; --s1: #55aef0; --s2: #37cc9d; --s3: #efbb3f; --s4: #e294c8; --s5: #8fd0f5; --s6: #a3afbb;
  --v0: #6f7f90; --v0-soft: #3c4753; --v1: #4da9ee; --v1-soft: #24506f; --v2: #efae3b; --v2-soft: #66501f; --v3: #37cc9d; --v3-soft: #1d5545;
  --heat0: #1b232b; --heat1: #1f4a66; --heat2: #2f81b4; --heat3: #8cc8f0; --heat4: #ff8a47; --grid: #e8ecf1; --shade: #6cb6f2;
}
@media (prefers-color-scheme: dark) {
  :root:not([data-theme]) {
    --page: #0f1317; --surface: #171c22; --raised: #1f262e; --line: #2c353f; --text: #e8ecf1; --soft: #a3afbb;
    --accent: #6cb6f2; --good: #4fd09b; --good-soft: #12322a; --bad: #ff9a66; --bad-soft: #3a2015; --note: #f0c061; --note-soft: #33290f;
    --s0: #ff8a47; --s1: #55aef0; --s2: #37cc9d; --s3: #efbb3f; --s4: #e294c8; --s5: #8fd0f5; --s6: #a3afbb;
    --v0: #6f7f90; --v0-soft: #3c4753; --v1: #4da9ee; --v1-soft: #24506f; --v2: #efae3b; --v2-soft: #66501f; --v3: #37cc9d; --v3-soft: #1d5545;
    --heat0: #1b232b; --heat1: #1f4a66; --heat2: #2f81b4; --heat3: #8cc8f0; --heat4: #ff8a47; --grid: #e8ecf1; --shade: #6cb6f2;
  }
}
:root[data-theme="light"] { color-scheme: light; }
:root[data-theme="dark"] { color-scheme: dark; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main, header.top, footer { max-width: 1200px; margin: 0 auto; padding: 0 24px; }
a { color: var(--accent); }
h2 { font-size: 21px; line-height: 1.25; letter-spacing: -0.01em; margin: 44px 0 4px; }
h3 { font-size: 15px; margin: 0; }
p { margin: 0; }
.lead { color: var(--soft); margin: 0 0 16px; max-width: 100ch; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 8px; top: 8px; background: var(--surface); padding: 8px 12px; z-index: 9; }

header.top { display: flex; align-items: center; justify-content: space-between; gap: 16px; padding-top: 18px; padding-bottom: 18px; }
.brand { font-weight: 650; letter-spacing: -0.01em; }
.brand span { color: var(--soft); font-weight: 400; }
button, select, input[type="search"] { font: inherit; font-size: 13px; color: var(--text); background: var(--surface); border: 1px solid var(--line); border-radius: 7px; padding: 5px 10px; }
button { cursor: pointer; }
button:hover { background: var(--raised); }

.verdict { background: var(--surface); border: 1px solid var(--line); border-left: 6px solid var(--soft); border-radius: 12px; padding: 24px 28px; }
.verdict.good { border-left-color: var(--good); }
.verdict.bad { border-left-color: var(--bad); }
.verdict .question { color: var(--soft); margin-bottom: 6px; }
.verdict h1 { font-size: clamp(22px, 3.2vw, 31px); line-height: 1.22; letter-spacing: -0.02em; margin: 0; text-wrap: balance; }
.verdict ul { margin: 14px 0 0; padding: 0; list-style: none; display: grid; gap: 6px; }
.verdict li { padding-left: 26px; position: relative; }
.verdict li::before { position: absolute; left: 0; font-weight: 700; }
.verdict li.miss::before { content: "\\2717"; color: var(--bad); }
.verdict li.met::before { content: "\\2713"; color: var(--good); }
.verdict li.note::before { content: "i"; color: var(--note); background: var(--note-soft); width: 18px; height: 18px; line-height: 18px; text-align: center; border-radius: 50%; font-size: 12px; top: 2px; }
.verdict li.note { color: var(--soft); overflow-wrap: anywhere; }

.scroll { overflow-x: auto; background: var(--surface); border: 1px solid var(--line); border-radius: 12px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
.compare { table-layout: fixed; }
.compare th, .compare td { padding: 6px 18px; text-align: right; vertical-align: top; border-top: 1px solid var(--line); white-space: nowrap; }
.compare thead th { border-top: 0; font-size: 15px; vertical-align: bottom; padding-top: 14px; padding-bottom: 10px; }
.compare th:first-child { text-align: left; font-weight: 400; white-space: normal; }
.compare thead th:first-child { width: 26%; }
.compare tr.group th { font-size: 12px; letter-spacing: 0.05em; text-transform: uppercase; color: var(--soft); padding-top: 18px; padding-bottom: 6px; border-top: 0; font-weight: 600; }
.compare tr.group + tr th, .compare tr.group + tr td { border-top-color: var(--soft); }
.cards { display: grid; gap: 16px; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); align-items: start; }
.card { background: var(--surface); border: 1px solid var(--line); border-radius: 12px; border-collapse: separate; border-spacing: 0; padding: 6px 4px 10px; }
.card caption { text-align: left; padding: 0 4px 6px; font-size: 12px; letter-spacing: 0.05em; text-transform: uppercase; color: var(--soft); font-weight: 600; }
.card th { text-align: left; font-weight: 400; color: var(--soft); padding: 4px 12px; vertical-align: top; }
.card td { text-align: right; padding: 4px 12px; white-space: nowrap; vertical-align: top; font-weight: 600; }
.card tr + tr th, .card tr + tr td { border-top: 1px solid var(--line); }
.swatch { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 7px; }
.mark { font-weight: 700; margin-right: 6px; }
.mark.good { color: var(--good); } .mark.bad { color: var(--bad); }
.bar { display: block; height: 3px; border-radius: 2px; margin-top: 4px; margin-left: auto; background: var(--line); width: 100%; max-width: 120px; }
.bar i { display: block; height: 3px; border-radius: 2px; background: var(--accent); opacity: 0.75; }
td.best .value { font-weight: 700; }
td .unit { color: var(--soft); }

.grid { display: grid; gap: 16px; grid-template-columns: repeat(2, minmax(0, 1fr)); }
.grid .wide { grid-column: 1 / -1; }
figure { margin: 0; background: var(--surface); border: 1px solid var(--line); border-radius: 12px; padding: 16px 18px 12px; min-width: 0; position: relative; }
figcaption { display: flex; gap: 4px 12px; align-items: baseline; justify-content: space-between; margin-bottom: 6px; }
figcaption .what { min-width: 0; }
figcaption small { display: block; color: var(--soft); font-size: 13px; line-height: 1.35; }
figcaption .tools { display: flex; flex: none; gap: 2px; align-items: center; margin-right: -6px; }
figcaption .tools button { font-size: 12px; padding: 2px 8px; color: var(--soft); border-color: transparent; background: transparent; text-decoration: underline; text-underline-offset: 3px; text-decoration-color: var(--line); }
figcaption .tools button:hover { color: var(--text); background: var(--raised); }
.legend { display: flex; flex-wrap: wrap; gap: 2px 14px; font-size: 13px; color: var(--soft); margin-bottom: 4px; }
.legend .swatch { margin-right: 5px; }
.legend .dash { display: inline-block; width: 16px; border-top: 2px dashed var(--soft); vertical-align: middle; margin-right: 5px; }
.legend .stroke { display: inline-block; width: 16px; border-top: 2.5px solid; vertical-align: middle; margin-right: 5px; }
.plot svg { display: block; max-width: 100%; height: auto; overflow: visible; font-family: inherit; font-size: 11.5px; color: var(--text); --plot-background: var(--surface); }
.plot svg [aria-label="tip"] { font-size: 12.5px; }
.plot { min-height: 40px; }
.plot:focus-visible { outline-offset: 4px; }
.empty { color: var(--soft); margin: 4px 0 6px; min-height: 150px; padding: 22px; display: grid; place-items: center; text-align: center; border: 1px dashed var(--line); border-radius: 8px; background: color-mix(in srgb, var(--raised) 45%, transparent); }
.choice { display: flex; gap: 6px; align-items: center; margin: 0 0 14px; font-size: 14px; color: var(--soft); }
.choice button[aria-pressed="true"] { background: var(--text); color: var(--page); border-color: var(--text); }
.multiples { display: grid; gap: 8px 20px; grid-template-columns: repeat(auto-fit, minmax(240px, 1fr)); }
.multiples h4 { margin: 6px 0 0; font-size: 13.5px; }

.tabs { display: flex; gap: 4px; overflow-x: auto; border-bottom: 1px solid var(--line); margin: 12px 0 20px; position: sticky; top: 0; background: var(--page); z-index: 5; padding-top: 8px; }
.tabs button { border: 0; border-bottom: 3px solid transparent; border-radius: 6px 6px 0 0; background: transparent; padding: 9px 14px; font-size: 15px; color: var(--soft); white-space: nowrap; }
.tabs button[aria-selected="true"] { color: var(--text); border-bottom-color: var(--accent); font-weight: 600; }
[role="tabpanel"] h3.section, #study h3.section { font-size: 17px; margin: 26px 0 10px; }
[role="tabpanel"] > h3.section:first-child { margin-top: 0; }

.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 1px; background: var(--line); border: 1px solid var(--line); border-radius: 12px; overflow: hidden; margin-bottom: 16px; }
.facts div { background: var(--surface); padding: 12px 16px; }
.facts dt { color: var(--soft); font-size: 13px; }
.facts dd { margin: 0; font-size: 20px; font-weight: 620; letter-spacing: -0.01em; font-variant-numeric: tabular-nums; }
.facts { margin-top: 0; }
.steps { margin: 8px 0 0; padding: 0; list-style: none; display: grid; gap: 3px; font-size: 13.5px; }
.steps li { display: grid; grid-template-columns: 64px minmax(70px, 110px) 1fr; gap: 10px; border-top: 1px solid var(--line); padding-top: 4px; }
.steps time { color: var(--soft); font-variant-numeric: tabular-nums; text-align: right; }
.steps b { font-weight: 600; overflow-wrap: anywhere; }

.rows { font-size: 13.5px; }
.rows th, .rows td { text-align: left; padding: 5px 12px; border-top: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
.rows th { color: var(--soft); font-weight: 600; border-top: 0; white-space: nowrap; position: sticky; top: 0; background: var(--surface); }
.rows td.word { white-space: nowrap; }
.rows.events td:nth-child(4) { min-width: 230px; }
.rows td.number, .rows th.number { text-align: right; white-space: nowrap; }
.rows tr.warning td { background: var(--note-soft); }
.window { max-height: 420px; overflow: auto; border: 1px solid var(--line); border-radius: 8px; }
.controls { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; margin: 6px 0 10px; }
.controls label { font-size: 13.5px; color: var(--soft); }
.controls input[type="search"] { flex: 1 1 220px; max-width: 420px; }
.controls output { color: var(--soft); font-size: 13px; }
footer { color: var(--soft); font-size: 13px; padding-top: 28px; padding-bottom: 44px; overflow-wrap: anywhere; }
footer dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 0; }
footer dd { margin: 0; }
.visually-hidden { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

@media (max-width: 760px) {
  body { font-size: 14.5px; }
  main, header.top, footer { padding-left: 14px; padding-right: 14px; }
  .verdict { padding: 18px 16px; border-left-width: 5px; }
  .grid { grid-template-columns: minmax(0, 1fr); gap: 12px; }
  figure { padding: 14px 12px 10px; }
  .compare, .compare tbody, .compare thead { display: block; }
  .compare tr { display: grid; grid-template-columns: repeat(var(--runs), minmax(76px, 1fr)); border-top: 1px solid var(--line); padding: 5px 4px; }
  .compare thead tr { border-top: 0; }
  .compare tr.group { padding-bottom: 0; }
  .compare th:first-child { grid-column: 1 / -1; color: var(--soft); font-size: 13px; width: auto; }
  .compare thead th:first-child { display: none; }
  .compare td { white-space: normal; }
  .compare td .mark { margin-right: 2px; }
  .compare td .value { display: inline-block; }
  .compare thead th { font-size: 13px; white-space: normal; }
  .compare th, .compare td, .compare tr.group th, .compare tr.group + tr td { padding: 1px 8px 2px; border: 0; }
  .rows.events tr { display: grid; grid-template-columns: max-content 1fr max-content; gap: 0 10px; border-top: 1px solid var(--line); padding: 6px 10px; }
  .rows.events td, .rows.events td:nth-child(4) { border: 0; padding: 0; min-width: 0; }
  .rows.events td.wide { grid-column: 1 / -1; }
  .rows.events thead, .rows.events td:last-child { display: none; }
  .rows td, .rows th { padding: 5px 8px; }
  h2 { margin-top: 34px; }
  .compare thead .swatch { display: block; margin: 0 0 4px auto; }
  .facts div:last-child:nth-child(odd) { grid-column: 1 / -1; }
  .rows.kinds th:nth-child(3), .rows.kinds td:nth-child(3), .rows.kinds th:nth-child(5), .rows.kinds td:nth-child(5) { display: none; }
  .rows.kinds td.word { white-space: normal; }
  .steps li { grid-template-columns: 48px 84px 1fr; gap: 8px; }
}
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
@media print {
  .tabs, .tools, header.top button, .controls { display: none; }
  body { background: #fff; }
  figure, .verdict { break-inside: avoid; }
}
`;
