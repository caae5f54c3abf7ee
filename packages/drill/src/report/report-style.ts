/** Text has a contrast of 4.5:1 at least, marks 3:1; prints on A4 in colour or grey. */
export const reportStyle = `
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #f4f5f7; color: #1c2026; font: 15px/1.45 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem; background: #fff; }
h1 { font-size: 1.6rem; margin: .2rem 0 .6rem; }
h2 { font-size: 1.1rem; margin: 1.8rem 0 .4rem; border-bottom: 1px solid #c8ccd2; padding-bottom: .2rem; }
.kind, small { color: #565d67; }
.verdict { font-size: 1.15rem; }
.state { font-weight: 600; white-space: nowrap; }
.passed { color: #11632d; fill: #11632d; }
.failed { color: #a3121f; fill: #a3121f; }
.inconclusive, .warning { color: #7a4b00; fill: #7a4b00; }
.skipped, .cancelled { color: #565d67; fill: #565d67; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .5rem; border-bottom: 1px solid #e2e5e9; }
td { overflow-wrap: anywhere; }
td ul { margin: .2rem 0; padding-left: 1.1rem; font-size: .85rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f4f5f7; padding: .5rem; font-size: .8rem; margin: .3rem 0; }
svg { width: 100%; height: auto; display: block; font: 12px system-ui, sans-serif; }
.mark { stroke: #1c2026; stroke-width: 2; }
.p0 { fill: #767d88; background: #767d88; } .p1 { fill: #5b4a9c; background: #5b4a9c; } .p2 { fill: #1f6fb2; background: #1f6fb2; }
.p3 { fill: #17807e; background: #17807e; } .p4 { fill: #b35309; background: #b35309; } .p5 { fill: #11632d; background: #11632d; }
.part { stroke: #fff; stroke-width: 1; }
.key { display: inline-block; width: .8rem; height: .8rem; }
@page { size: A4; margin: 15mm; }
@media print {
  body { background: #fff; font-size: 10pt; }
  main { padding: 0; max-width: none; }
  tr, svg, header { break-inside: avoid; }
  h2 { break-after: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;
