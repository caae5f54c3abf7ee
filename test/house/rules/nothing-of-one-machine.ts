import type { HouseRule, Violation } from "../house-rule.ts";

const checkout = new URL("../../../", import.meta.url).pathname.replace(/\/$/, "");

/** Built from pieces, so that this file does not find itself. */
const patterns: readonly { readonly find: RegExp; readonly what: string }[] = [
  { find: new RegExp(`${escapeForPattern(checkout)}(?![\\w-])`), what: "the path of a checkout" },
  { find: new RegExp(`\\.\\./${"shared"}/`), what: "a path outside the project" },
  { find: new RegExp(`"${"resolved"}": "https?:`), what: "the address of a package registry" },
  { find: /https?:\/\/[\w.-]*(registry|artifactory|nexus|verdaccio)[\w.-]*/i, what: "the address of a package registry" },
  { find: new RegExp(`-----BEGIN ${"[A-Z ]*"}PRIVATE KEY-----\\s*\\n\\s*[\\w+/=]{40}`), what: "a private key" },
  { find: new RegExp(`^(${"<".repeat(7)}|${">".repeat(7)}) `, "m"), what: "a merge conflict" },
];

export const nothingOfOneMachine: HouseRule = {
  name: "no path of a checkout, no registry's host, no key and no merge conflict stands in the files",
  reason: "a clone must work elsewhere, and what is published stays published",
  check(tree) {
    const violations: Violation[] = [];
    for (const [path, text] of tree) {
      for (const { find, what } of patterns) {
        const at = text.search(find);
        if (at >= 0) violations.push({ path, line: text.slice(0, at).split("\n").length, what });
      }
    }
    return violations;
  },
  broken: {
    files: {
      "docs/a.md": `see ${checkout}/README.md`,
      "docs/b.md": `\nsee ../${"shared"}/design`,
      "package-lock.json": `"${"resolved"}": "https://host/x.tgz"`,
      "docs/c.md": `https://my-${"registry"}.example/x`,
      "docs/d.md": `-----BEGIN OPENSSH ${"PRIVATE"} KEY-----\n${"A".repeat(70)}`,
      "docs/e.md": `text\n${"<".repeat(7)} HEAD\n`,
      "docs/f.md": `${checkout}-other and "-----BEGIN PRIVATE KEY-----" alone`,
    },
    expected: ["docs/a.md:1", "docs/b.md:2", "package-lock.json:1", "docs/c.md:1", "docs/d.md:1", "docs/e.md:2"],
  },
};

function escapeForPattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
