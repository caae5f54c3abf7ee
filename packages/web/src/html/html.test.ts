import fc from "fast-check";
import { expect, test } from "vitest";
import { html } from "./html.ts";

test("text is escaped wherever it stands, markup made by the tag is not", () => {
  const name = `"><script>alert('x')</script>&`;
  expect(html`<a title="${name}">${name}</a>`.text).toBe(
    '<a title="&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;">&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;</a>',
  );
  expect(html`<ul>${["a<", "b"].map((item) => html`<li>${item}</li>`)}</ul>`.text).toBe("<ul><li>a&lt;</li><li>b</li></ul>");
  expect(html`${false}${null}${undefined}${0}`.text).toBe("0");
});

test("an object that only looks like markup is not let through", () => {
  const forged = { text: "<script>" } as unknown as string;
  expect(html`<p>${forged}</p>`.text).toBe("<p></p>");
});

test("whatever the text, no markup and no control character comes out of it", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const rendered = html`<p title="${text}">`.text.slice('<p title="'.length, -'">'.length);
      expect(rendered).not.toMatch(/(?![\t\n\r])[<>"'\p{Cc}\u202e\u2066]/u);
      expect(rendered.isWellFormed()).toBe(true);
    }),
  );
});
